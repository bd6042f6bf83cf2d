// swift-tools-version: 6.2
import PackageDescription

/// The one fuzz target that has jwt-kit and swift-crypto as they are: a package of its own, since they take minutes to
/// build. They are built without coverage; what they are given and what they make of it is Access's.
let settings: [SwiftSetting] = [
  .strictMemorySafety(),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
]
let fuzzer = ["-sanitize=fuzzer,address"]
let module = settings + [.unsafeFlags(fuzzer + ["-enable-testing"])]

let package = Package(
  name: "Keys",
  dependencies: [
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
  ],
  targets: [
    .target(
      name: "Access",
      dependencies: [
        .product(name: "Crypto", package: "swift-crypto"), .product(name: "JWTKit", package: "jwt-kit"),
      ], swiftSettings: module),
    .target(name: "Driver", swiftSettings: module),
    .executableTarget(
      name: "FuzzKeys", dependencies: ["Access", "Driver"],
      swiftSettings: settings + [.unsafeFlags(["-parse-as-library"] + fuzzer)],
      linkerSettings: [.unsafeFlags(fuzzer + ["-use-ld=lld"])]),
  ],
  swiftLanguageModes: [.v6]
)
