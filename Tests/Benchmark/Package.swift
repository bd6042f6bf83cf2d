// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
  .strictMemorySafety(),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

/// What benchmarks need beside the program: built from the same sources, without the rest of the package.
let package = Package(
  name: "benchmark",
  targets: [
    .systemLibrary(name: "CLMDB", pkgConfig: "lmdb"),
    .target(name: "LMDB", dependencies: ["CLMDB"], swiftSettings: settings),
    .target(name: "Cache", dependencies: ["LMDB"], exclude: ["Documentation.docc"], swiftSettings: settings),
    .executableTarget(name: "FillLedger", dependencies: ["Cache", "LMDB"], swiftSettings: settings),
  ],
  swiftLanguageModes: [.v6]
)
