// The op table: every op there is, once. The binding, the backends and the tests read it.
#pragma once
#include "ops/batch_norm.h"
#include "ops/conv2d.h"
#include "ops/dense.h"
#include "ops/elementwise.h"
#include "ops/image.h"
#include "ops/loss.h"
#include "ops/lrn.h"
#include "ops/move.h"
#include "ops/optimizer.h"
#include "ops/pool.h"
#include "ops/random.h"

#define ALEXNODE_OPS(OP)                                                                                     \
  OP(Conv2d)                                                                                                 \
  OP(Conv2dBackwardData) OP(Conv2dBackwardWeights) OP(Lrn) OP(LrnBackward) OP(LrnWithin)                     \
      OP(LrnWithinBackward) OP(MaxPool) OP(MaxPoolBackward) OP(AvgPool) OP(AvgPoolBackward) OP(Dense)        \
          OP(DenseBackwardData) OP(DenseBackwardWeights) OP(Gemm) OP(BatchNorm) OP(BatchNormBackward)        \
              OP(BatchNormInference) OP(BatchNormUpdate) OP(Relu) OP(ReluBackward) OP(Tanh) OP(TanhBackward) \
                  OP(Sigmoid) OP(SigmoidBackward) OP(Add) OP(Scale) OP(Softmax) OP(SoftmaxBackward)          \
                      OP(CrossEntropy) OP(Dropout) OP(DropoutBackward) OP(FillUniform) OP(FillNormal)        \
                          OP(Advance) OP(Reorder) OP(CopyChannels) OP(Fill) OP(Sgd) OP(Adam) OP(Finite)      \
                              OP(Normalize) OP(Resize)
