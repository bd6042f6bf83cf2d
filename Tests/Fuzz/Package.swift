// swift-tools-version: 6.2
import PackageDescription

/// The fuzz targets are a package of their own: they need nothing that the daemon depends on, and are built in seconds.
/// `Sources/HTTP` is a link to the module's sources, compiled with libFuzzer's coverage and AddressSanitizer.
let settings: [SwiftSetting] = [
  .strictMemorySafety(),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
]
let fuzzer = ["-sanitize=fuzzer,address"]

let package = Package(
  name: "Fuzz",
  targets: [
    .target(name: "HTTP", swiftSettings: settings + [.unsafeFlags(fuzzer)]),
    .target(name: "Driver", swiftSettings: settings + [.unsafeFlags(fuzzer)]),
  ]
    + ["FuzzRequest", "FuzzRange", "FuzzConditional", "FuzzJSON"].map { name in
      .executableTarget(
        name: name, dependencies: ["Driver", "HTTP"],
        swiftSettings: settings + [.unsafeFlags(["-parse-as-library"] + fuzzer)],
        linkerSettings: [.unsafeFlags(fuzzer + ["-use-ld=lld"])])
    },
  swiftLanguageModes: [.v6]
)
