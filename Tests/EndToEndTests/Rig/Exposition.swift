// Prometheus' text format 0.0.4, read as strictly as it is written down: what deviates is an error, not a guess.

/// A scrape, parsed.
struct Exposition {
  struct Family: Equatable {
    var help: String
    var kind: String
    var samples: [Sample] = []
  }

  struct Sample: Equatable {
    var labels: [String: String]
    var value: Double
    /// Of a histogram: `bucket`, `sum` or `count`.
    var part = ""
  }

  /// By name.
  private(set) var families: [String: Family] = [:]
  /// The names in the order in which they came.
  private(set) var names: [String] = []

  init(_ bytes: [UInt8]) throws {
    guard let text = String(validating: bytes, as: UTF8.self) else { throw RigFailure("the scrape is not UTF-8") }
    guard text.isEmpty || text.hasSuffix("\n") else { throw RigFailure("the last line has no end") }
    var current: String?
    var help: (name: String, text: String)?
    for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
      let fault = RigFailure("not of the text format: \(line)")
      if line.hasPrefix("# HELP ") {
        let parts = line.dropFirst(7).split(separator: " ", maxSplits: 1)
        guard parts.count == 2, Self.isName(parts[0]), help == nil, families[String(parts[0])] == nil else {
          throw fault
        }
        help = (String(parts[0]), try Self.unescape(parts[1], quotes: false))
      } else if line.hasPrefix("# TYPE ") {
        let parts = line.dropFirst(7).split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 2, let given = help, given.name == parts[0],
          ["counter", "gauge", "histogram"].contains(parts[1])
        else {
          throw fault
        }
        families[given.name] = Family(help: given.text, kind: String(parts[1]))
        names.append(given.name)
        current = given.name
        help = nil
      } else {
        var (name, sample) = try Self.sample(line)
        if let current, families[current]?.kind == "histogram", name.hasPrefix(current + "_") {
          // The parts of a histogram are told apart as one family's.
          sample.part = String(name.dropFirst(current.count + 1))
          name = current
        }
        // All lines of a family stand together, behind its head, and none twice.
        guard name == current, help == nil,
          families[name]?.samples.contains(where: { $0.labels == sample.labels && $0.part == sample.part }) == false
        else { throw fault }
        families[name]?.samples.append(sample)
      }
    }
    guard help == nil else { throw RigFailure("a family without a type") }
    for (name, family) in families where family.kind == "histogram" { try Self.check(name, family) }
  }

  /// The buckets of a histogram come in order, the last one is open, each counts what those before it count too, and the last
  /// one counts all.
  private static func check(_ name: String, _ family: Family) throws {
    let buckets = family.samples.filter { $0.part == "bucket" }
    let bounds = try buckets.map { sample in
      let text = sample.labels["le"] ?? ""
      guard sample.labels.count == 1, let bound = text == "+Inf" ? .infinity : Double(text) else {
        throw RigFailure("\(name): a bucket of \(sample.labels)")
      }
      return bound
    }
    let rest = family.samples.filter { $0.part != "bucket" }
    guard bounds.last == .infinity, zip(bounds, bounds.dropFirst()).allSatisfy({ $0 < $1 }),
      zip(buckets, buckets.dropFirst()).allSatisfy({ $0.value <= $1.value }), rest.map(\.part) == ["sum", "count"],
      rest[1].value == buckets.last?.value
    else { throw RigFailure("\(name) is no histogram") }
  }

  /// The value of a series that must be there.
  func value(_ name: String, _ labels: [String: String] = [:]) throws -> Int {
    try value(name, part: "", labels)
  }

  /// How many observations a histogram has.
  func count(_ name: String) throws -> Int { try value(name, part: "count", [:]) }

  private func value(_ name: String, part: String, _ labels: [String: String]) throws -> Int {
    guard let sample = families[name]?.samples.first(where: { $0.labels == labels && $0.part == part }) else {
      throw RigFailure("no \(name) \(part) \(labels)")
    }
    guard let value = Int(exactly: sample.value) else { throw RigFailure("\(name) \(labels) is \(sample.value)") }
    return value
  }

  // MARK: Lines

  private static func sample(_ line: Substring) throws -> (String, Sample) {
    let fault = RigFailure("not a sample: \(line)")
    let name = line.prefix { $0 != "{" && $0 != " " }
    guard isName(name) else { throw fault }
    var rest = line[name.endIndex...]
    var labels: [String: String] = [:]
    if rest.first == "{" {
      rest = rest.dropFirst()
      while true {
        let label = rest.prefix { $0 != "=" }
        guard isName(label), !label.contains(":"), labels[String(label)] == nil else { throw fault }
        rest = rest[label.endIndex...]
        guard rest.hasPrefix("=\"") else { throw fault }
        rest = rest.dropFirst(2)
        var end = rest.startIndex
        while end < rest.endIndex, rest[end] != "\"" {
          end = rest.index(end, offsetBy: rest[end] == "\\" ? 2 : 1, limitedBy: rest.endIndex) ?? rest.endIndex
        }
        guard end < rest.endIndex else { throw fault }
        labels[String(label)] = try unescape(rest[..<end], quotes: true)
        rest = rest[end...].dropFirst()
        if rest.first == "}" { break }
        guard rest.first == "," else { throw fault }
        rest = rest.dropFirst()
      }
      rest = rest.dropFirst()
    }
    guard rest.first == " ", let value = Double(rest.dropFirst()) else { throw fault }
    return (String(name), Sample(labels: labels, value: value))
  }

  private static func isName(_ text: Substring) -> Bool {
    guard let first = text.utf8.first, !(48...57).contains(first) else { return false }
    return text.utf8.allSatisfy {
      (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || $0 == 95 || $0 == 58
    }
  }

  private static func unescape(_ text: Substring, quotes: Bool) throws -> String {
    var result = ""
    var rest = text[...]
    while let character = rest.popFirst() {
      guard character == "\\" else {
        result.append(character)
        continue
      }
      switch rest.popFirst() {
      case "\\": result.append("\\")
      case "n": result.append("\n")
      case "\"" where quotes: result.append("\"")
      default: throw RigFailure("an escape that there is not in \(text)")
      }
    }
    return result
  }
}
