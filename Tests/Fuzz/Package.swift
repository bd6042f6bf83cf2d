// swift-tools-version: 6.2
import PackageDescription

/// The fuzz targets are a package of their own: they are built in seconds, with libFuzzer's coverage and
/// AddressSanitizer in every module. The modules under `Sources` are links to the daemon's own; `Crypto` and `JWTKit`
/// stand in for the packages of that name, which take minutes to build.
let settings: [SwiftSetting] = [
  .strictMemorySafety(),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
]
let fuzzer = ["-sanitize=fuzzer,address"]
/// What is internal is fuzzed too: scanners, records, codings.
let module = settings + [.unsafeFlags(fuzzer + ["-enable-testing"])]

func fuzz(_ name: String, _ dependencies: Target.Dependency...) -> Target {
  .executableTarget(
    name: name, dependencies: ["Driver"] + dependencies,
    swiftSettings: settings + [.unsafeFlags(["-parse-as-library"] + fuzzer)],
    linkerSettings: [.unsafeFlags(fuzzer + ["-use-ld=lld"])])
}

let package = Package(
  name: "Fuzz",
  targets: [
    .systemLibrary(name: "CLMDB", pkgConfig: "lmdb", providers: [.apt(["liblmdb-dev"])]),
    .target(name: "LMDB", dependencies: ["CLMDB"], swiftSettings: module),
    .target(name: "HTTP", swiftSettings: module),
    .target(name: "Configuration", swiftSettings: module),
    .target(name: "Cache", dependencies: ["LMDB"], swiftSettings: module),
    .target(name: "Crypto", swiftSettings: module),
    .target(name: "JWTKit", dependencies: ["Crypto"], swiftSettings: module),
    .target(name: "Access", dependencies: ["Crypto", "JWTKit"], exclude: ["TokenIssuer.swift"], swiftSettings: module),
    .target(name: "S3", dependencies: ["Crypto"], exclude: ["DigestComputation.swift"], swiftSettings: module),
    .target(name: "Driver", swiftSettings: module),

    fuzz("FuzzRequest", "HTTP"),
    fuzz("FuzzRange", "HTTP"),
    fuzz("FuzzConditional", "HTTP"),
    fuzz("FuzzJSON", "HTTP"),
    fuzz("FuzzCoding", "HTTP", "S3"),
    fuzz("FuzzToken", "Access", "Crypto", "JWTKit"),
    fuzz("FuzzKeySet", "Access", "HTTP"),
    fuzz("FuzzTOML", "Configuration"),
    fuzz("FuzzCredentials", "S3"),
    fuzz("FuzzAnswer", "S3"),
    fuzz("FuzzRecord", "Cache", "HTTP"),
    fuzz("FuzzPath", "Cache", "Crypto"),
  ],
  swiftLanguageModes: [.v6]
)
