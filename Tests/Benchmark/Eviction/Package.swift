// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
  .strictMemorySafety(),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

/// How good eviction is: the program's own decisions and its own ledger beside other policies, on traces and on models.
let package = Package(
  name: "eviction",
  targets: [
    .systemLibrary(name: "CLMDB", pkgConfig: "lmdb"),
    .target(name: "LMDB", dependencies: ["CLMDB"], swiftSettings: settings),
    .target(name: "Cache", dependencies: ["LMDB"], exclude: ["Documentation.docc"], swiftSettings: settings),
    .executableTarget(name: "simulate-eviction", dependencies: ["Cache", "LMDB"], swiftSettings: settings),
  ],
  swiftLanguageModes: [.v6]
)
