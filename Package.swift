// swift-tools-version: 6.2
import PackageDescription

/// The same for every target: Swift 6, every unsafe use marked, imports private unless said otherwise.
let strict: [SwiftSetting] = [
  .strictMemorySafety(),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("ExistentialAny"),
]

/// Who uses a member imports the module that it is of. The program itself cannot be held to that: a type of the C library is
/// of whichever module that declares it is loaded first, another one in each batch of files.
let settings: [SwiftSetting] = strict + [.enableUpcomingFeature("MemberImportVisibility")]

/// Dependencies point one way: larder → Cache → LMDB, larder → Curl → Loop, and the values (HTTP, S3) know nobody.
let package = Package(
  name: "larder",
  products: [.executable(name: "larder", targets: ["larder"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
  ],
  targets: [
    // C libraries of the system. Only the target named after each may import it.
    .systemLibrary(name: "CSystem"),
    .systemLibrary(name: "CLibuv", pkgConfig: "libuv", providers: [.apt(["libuv1-dev"])]),
    .systemLibrary(name: "CLMDB", pkgConfig: "lmdb", providers: [.apt(["liblmdb-dev"])]),
    .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),

    // One thread, many waits.
    .target(name: "Loop", dependencies: ["CLibuv", "CSystem"], swiftSettings: settings),
    .target(name: "Curl", dependencies: ["CCurl", "Loop"], swiftSettings: settings),

    // Bytes that survive.
    .target(name: "LMDB", dependencies: ["CLMDB"], swiftSettings: settings),

    // What the standards say, as values.
    .target(name: "HTTP", swiftSettings: settings),
    .target(
      name: "S3", dependencies: [.product(name: "Crypto", package: "swift-crypto")], swiftSettings: settings),

    // Who may, and what the administrator wants.
    .target(
      name: "Access",
      dependencies: [
        .product(name: "Crypto", package: "swift-crypto"), .product(name: "JWTKit", package: "jwt-kit"),
      ], swiftSettings: settings),
    .target(name: "Configuration", swiftSettings: settings),

    // Every decision about downloads, quota, eviction and fills.
    .target(name: "Cache", dependencies: ["LMDB"], swiftSettings: settings),

    // The demo's films: C's #embed puts them into the program as they are.
    .target(
      name: "DemoVideos", path: "Sources/larder/Demo/Videos",
      exclude: ["countdown_360p.mp4", "mandelbrot_360p.mp4", "testcard_360p.mp4"]),

    // The page for people, put into the program the same way.
    .target(name: "PageFiles", path: "Sources/larder/Page/Embed"),

    // Decisions wired to the world.
    .executableTarget(
      name: "larder",
      dependencies: [
        "Access", "Cache", "Configuration", "Curl", "CSystem", "DemoVideos", "HTTP", "LMDB", "Loop", "PageFiles",
        "S3",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "Crypto", package: "swift-crypto"),
      ],
      exclude: ["Demo/Videos", "Page"],
      swiftSettings: strict,
      // What is shipped runs where no Swift is installed, and touches less memory.
      linkerSettings: [
        .unsafeFlags(
          ["-static-stdlib", "-l_FoundationCShims", "-l_FoundationCollections"], .when(configuration: .release))
      ]),
  ]
    + ["Access", "Cache", "Configuration", "Curl", "HTTP", "LMDB", "Loop", "S3"].map { name in
      .testTarget(name: "\(name)Tests", dependencies: [.byName(name: name)], swiftSettings: settings)
    } + [
      // Parts of the program itself that need neither it nor an origin.
      .testTarget(
        name: "ProgramTests",
        dependencies: [
          "larder", "Cache", "HTTP", "LMDB", "Loop", "S3", .product(name: "Logging", package: "swift-log"),
        ],
        swiftSettings: settings),
      // The built program against a real S3 server; the ledger is read beside it, to see what it left.
      .testTarget(name: "EndToEndTests", dependencies: ["larder", "S3", "Cache", "LMDB"], swiftSettings: settings),
    ],
  swiftLanguageModes: [.v6]
)
