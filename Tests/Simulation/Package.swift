// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
  .strictMemorySafety(),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

/// The program's own sources on a pretend machine: `Loop` has no threads, `Curl` no network, `Crypto` no strength, and
/// `simulate` answers the system calls of the storage side itself. Everything else is symbolic links to ../../Sources.
let package = Package(
  name: "simulation",
  targets: [
    .systemLibrary(name: "CLMDB", pkgConfig: "lmdb"),
    .systemLibrary(name: "CSystem"),
    .target(name: "LMDB", dependencies: ["CLMDB"], swiftSettings: settings),
    .target(name: "Cache", dependencies: ["LMDB"], swiftSettings: settings),
    .target(name: "Crypto", swiftSettings: settings),
    .target(name: "HTTP", swiftSettings: settings),
    .target(name: "S3", dependencies: ["Crypto"], swiftSettings: settings),
    .target(name: "Loop", swiftSettings: settings),
    .target(name: "Curl", dependencies: ["Loop"], swiftSettings: settings),
    .executableTarget(
      name: "simulate", dependencies: ["Cache", "CSystem", "Curl", "HTTP", "LMDB", "Loop", "S3"],
      swiftSettings: settings),
  ],
  swiftLanguageModes: [.v6]
)
