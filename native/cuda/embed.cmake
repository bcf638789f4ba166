# Writes the C++ file that holds the CUDA kernels (native/cuda/sources.h): each topic's source text, the
# headers that it includes, and what nvcc compiled of it. Run with -DKERNELS=folder -DFATBINS=folder (may be
# empty) -DOUT=file.
file(GLOB sources "${KERNELS}/*.cu")
get_filename_component(native "${KERNELS}/../.." ABSOLUTE)
file(GLOB headers RELATIVE "${native}" "${KERNELS}/*.h" "${KERNELS}/*.cuh")
list(APPEND headers philox4x32.h crop_place.h)  # which the CPU's code includes as well
set(text "// Made by native/cuda/embed.cmake.\n#include \"cuda/sources.h\"\n\n")

# .incbin keeps large binaries out of the compiler; 0 ends the texts.
function(embed symbol file)
  string(APPEND text
    "__asm__(\".section .rodata.${symbol},\\\"a\\\",@progbits\\n.balign 16\\n${symbol}: .incbin \\\"${file}\\\"\\n\"\n"
    "        \"${symbol}_end: .byte 0\\n.previous\\n\");\n"
    "extern \"C\" __attribute__((visibility(\"hidden\"))) const char ${symbol}[], ${symbol}_end[];\n")
  set(text "${text}" PARENT_SCOPE)
endfunction()

set(source_rows "")
foreach(source ${sources})
  get_filename_component(topic "${source}" NAME_WE)
  embed(alexnode_source_${topic} "${source}")
  set(fatbin "{}")
  if(FATBINS AND EXISTS "${FATBINS}/${topic}.fatbin")
    embed(alexnode_fatbin_${topic} "${FATBINS}/${topic}.fatbin")
    set(fatbin "{alexnode_fatbin_${topic}, size_t(alexnode_fatbin_${topic}_end - alexnode_fatbin_${topic})}")
  endif()
  string(APPEND source_rows "      {\"${topic}\", alexnode_source_${topic}, ${fatbin}},\n")
endforeach()
set(header_rows "")
foreach(header ${headers})
  string(MAKE_C_IDENTIFIER "${header}" id)
  embed(alexnode_header_${id} "${native}/${header}")
  string(APPEND header_rows "      {\"${header}\", alexnode_header_${id}},\n")
endforeach()
string(APPEND text "\nnamespace alexnode::cuda {\n"
  "\nstd::span<const KernelSource> kernel_sources() {\n  static const KernelSource all[] = {\n${source_rows}  };\n  return all;\n}\n"
  "\nstd::span<const KernelHeader> kernel_headers() {\n  static const KernelHeader all[] = {\n${header_rows}  };\n  return all;\n}\n"
  "\n}  // namespace alexnode::cuda\n")
file(WRITE "${OUT}" "${text}")
