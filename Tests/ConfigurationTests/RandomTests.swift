// Whatever a configuration says, its text says the same; and no text brings the reader down.

import Testing

@testable import Configuration

/// A seeded generator (SplitMix64): a failure names its seed and happens again.
struct Seeded: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

extension Configuration {
  /// A configuration that passes every check.
  static func random(using generator: inout Seeded) -> Configuration {
    func text(_ count: ClosedRange<Int>, using generator: inout Seeded) -> String {
      let letters: [Character] = [
        "a", "Z", "0", ".", "_", "-", " ", "\"", "\\", "'", "#", "=", "[", "ü", "e\u{301}", "🎬", "\u{200D}", "|",
      ]
      return String(
        (0..<Int.random(in: count, using: &generator)).map { _ in letters.randomElement(using: &generator)! })
    }
    func duration(_ milliseconds: ClosedRange<Int>, using generator: inout Seeded) -> Duration {
      let unit = [1, 1000, 60_000, 3_600_000].randomElement(using: &generator)!
      let value = Int.random(in: milliseconds, using: &generator)
      return .milliseconds(max(milliseconds.lowerBound, value / unit * unit))
    }
    func size(_ bytes: ClosedRange<Int>, using generator: inout Seeded) -> Int {
      let unit = ByteSize.units.randomElement(using: &generator)!.factor
      return max(bytes.lowerBound, Int.random(in: bytes, using: &generator) / unit * unit)
    }
    let day = 86_400_000
    var it = Configuration.defaults
    it.server.listen = (0...Int.random(in: 0...3, using: &generator)).map { index in
      ListenAddress(Bool.random(using: &generator) ? "10.0.0.\(index):\(index)" : "[2001:db8::\(index)]:8\(index)")!
    }
    it.server.maxConnections = .random(in: 1...65536, using: &generator)
    it.server.idleTimeout = duration(100...day, using: &generator)
    it.server.headerTimeout = duration(100...day, using: &generator)
    it.server.adminSocket = Bool.random(using: &generator) ? "" : "/" + text(0...20, using: &generator)
    it.auth.secretFile = Bool.random(using: &generator) ? "" : "/" + text(0...50, using: &generator)
    it.auth.jwksFile = Bool.random(using: &generator) ? "" : "/" + text(0...50, using: &generator)
    it.auth.issuer = text(0...20, using: &generator)
    it.auth.audience = text(0...20, using: &generator)
    it.auth.requiredRole = text(1...10, using: &generator)
    it.storage.path = "/" + text(0...50, using: &generator)
    it.storage.capacity = size(0...(.max), using: &generator)
    it.storage.reserve = size(0...(1 << 50), using: &generator)
    it.storage.scrubRate = size(0...(1 << 30), using: &generator)
    it.origin.endpoint = Endpoint(
      isSecure: .random(using: &generator), host: ["minio", "a.b-c.d_e"].randomElement(using: &generator)!,
      port: Bool.random(using: &generator) ? nil : .random(in: 1...65535, using: &generator))
    it.origin.region = ["eu-west-1", "auto"].randomElement(using: &generator)!
    it.origin.bucket = ["b", "Old_Bucket.x"].randomElement(using: &generator)!
    it.origin.addressing = Origin.Addressing.allCases.randomElement(using: &generator)!
    it.origin.keyTemplate = KeyTemplate(
      text: text(0...9, using: &generator) + "{content_id}{quality}" + text(0...3, using: &generator))
    it.origin.catalogKey = text(0...20, using: &generator)
    it.origin.profile = ["default", "p \"q\"", "é"].randomElement(using: &generator)!
    it.origin.connectTimeout = duration(100...day, using: &generator)
    it.origin.stallTimeout = duration(100...day, using: &generator)
    it.downloads.active = .random(in: 1...64, using: &generator)
    it.downloads.connections = .random(in: 1...64, using: &generator)
    it.downloads.chunkSize = size(65536...(1 << 30), using: &generator)
    it.downloads.maxRate = size(0...(1 << 40), using: &generator)
    it.downloads.retryInitial = duration(1...1000, using: &generator)
    it.downloads.retryMax = duration(3_600_000...day, using: &generator)
    it.quota.default = size(0...(.max), using: &generator)
    it.quota.eviction = Quota.Eviction.allCases.randomElement(using: &generator)!
    it.quota.playingGrace = duration(0...(30 * day), using: &generator)
    for _ in 0..<Int.random(in: 0...5, using: &generator) {
      it.quota.users[text(1...20, using: &generator)] = size(0...(.max), using: &generator)
    }
    it.catalog.refresh = duration(1000...(30 * day), using: &generator)
    it.log.level = Log.Level.allCases.randomElement(using: &generator)!
    it.log.format = Log.Format.allCases.randomElement(using: &generator)!
    it.log.access = .random(using: &generator)
    return it
  }
}

@Suite struct RandomTests {
  @Test func aDescriptionReadsBackTheSame() throws {
    #expect(try Configuration.parse(text: Configuration.defaults.describe(), file: "f") == .defaults)
    for seed in 0..<150 {
      var generator = Seeded(state: UInt64(seed))
      let configuration = Configuration.random(using: &generator)
      let text = configuration.describe()
      #expect(try Configuration.parse(text: text, file: "f") == configuration, "seed \(seed)\n\(text)")
    }
  }

  /// The bytes of the file as shipped, changed at random: it parses, or every problem is one line with a place.
  @Test func noTextBringsTheReaderDown() {
    let pieces = [
      "[", "]", "{", "}", "\"", "'", "\"\"\"", "'''", "=", ".", ",", "#", "\n", "\\", "\\u0000", "1", "-", "e", "inf",
      "\u{FEFF}",
      "[[", "quota.users", "a.b.c", "= [", "= {", "\r\n", "\\U0010FFFF", "é",
    ].map { Array($0.utf8) }
    let original = Array(Configuration.defaultFile().utf8)
    var refused = 0
    for seed in 0..<800 {
      var generator = Seeded(state: UInt64(seed))
      var bytes = original
      for _ in 0...Int.random(in: 0...4, using: &generator) {
        let start = Int.random(in: 0...bytes.count, using: &generator)
        let end = min(bytes.count, start + Int.random(in: 0...30, using: &generator))
        switch Int.random(in: 0...3, using: &generator) {
        case 0: bytes.removeSubrange(start..<end)
        case 1: bytes.insert(contentsOf: pieces.randomElement(using: &generator)!, at: start)
        case 2: bytes.insert(contentsOf: bytes[start..<end], at: Int.random(in: 0...bytes.count, using: &generator))
        default: if start < bytes.count { bytes[start] = UInt8.random(in: 0...255, using: &generator) }
        }
      }
      do throws(ConfigurationErrors) {
        let configuration = try Configuration.parse(bytes: bytes, file: "f")
        #expect(try Configuration.parse(text: configuration.describe(), file: "f") == configuration, "seed \(seed)")
      } catch {
        refused += 1
        let lines = 1 + bytes.count { $0 == 0x0A }
        for problem in error.problems {
          #expect((1...lines).contains(problem.line ?? 0), "seed \(seed): \(problem)")
          #expect(!problem.description.contains { $0.isNewline }, "seed \(seed)")
        }
      }
    }
    #expect(refused > 200)
  }
}
