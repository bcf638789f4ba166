#include "cuda/libraries/driver.h"

#include <array>

namespace alexnode::cuda {

namespace {

/// Calls the driver, with the driver's own name of an error in the report.
struct DriverCalls {
  template <class... Arguments>
  bool operator()(const char* name, Arguments... arguments) const {
    const auto words = [this](int error) {
      const char* found = nullptr;
      driver.cuGetErrorName(error, &found);
      return found;
    };
    return opener.call(report, words, name, arguments...);
  }
  const Opener& opener;
  const Driver& driver;
  LibraryReport& report;
};

void list_devices(const DriverCalls& call, std::vector<DeviceReport>& devices) {
  const auto& driver = call.driver;
  int count = 0;
  if (!call("cuDeviceGetCount", driver.cuDeviceGetCount, &count)) return;
  for (int i = 0; i < count; i++) {
    DeviceReport device;
    std::array<char, 256> name{};
    int handle = 0;
    const auto attribute = driver.cuDeviceGetAttribute;
    if (call("cuDeviceGet", driver.cuDeviceGet, &handle, i) &&
        call("cuDeviceGetName", driver.cuDeviceGetName, name.data(), int(name.size()) - 1, handle) &&
        call("cuDeviceGetAttribute", attribute, &device.major, kComputeCapabilityMajor, handle) &&
        call("cuDeviceGetAttribute", attribute, &device.minor, kComputeCapabilityMinor, handle) &&
        call("cuDeviceTotalMem_v2", driver.cuDeviceTotalMem_v2, &device.memory, handle)) {
      device.name = name.data();
      devices.push_back(std::move(device));
    }
  }
}

}  // namespace

void open_driver(const Opener& opener, Driver& driver, Report& report) {
  LibraryReport r{"driver", "libcuda.so.1"};
  const DriverCalls call{opener, driver, r};
  if (int version = 0;
      opener.load(r, driver) && call("cuDriverGetVersion", driver.cuDriverGetVersion, &version)) {
    r.version = dotted({version / 1000, version % 1000 / 10});
    report.driver_major = version / 1000;
    if (call("cuInit", driver.cuInit, 0u)) list_devices(call, report.devices);
  }
  report.libraries.push_back(std::move(r));
}

}  // namespace alexnode::cuda
