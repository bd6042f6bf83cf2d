// TOML 1.0 (https://toml.io/en/v1.0.0) into a tree of values that know their lines.
//
// It is written here because a reload must outlive any typing mistake and every error
// must name its line. The parser at hand (toml++ by way of TOMLKit) aborts the process on
// texts as short as `a = [}`, never frees what it parsed, and tells no lines of keys.

/// Reads the values of a document.
///
/// - Throws: The first place where the text is not TOML, or is nested deeper than any configuration.
func parseTOML(_ text: String) throws(SyntaxError) -> [Node.Entry] {
  var parser = TOMLParser(scanner: TOMLScanner(text))
  return try parser.document()
}

/// A table while it may still grow.
private final class OpenTable {
  /// What has made the table, and so what may still add to it.
  enum Origin {
    /// A header of a table inside it: a header or dotted keys may make it theirs.
    case implicit
    /// Its own header, which may come only once.
    case header
    /// Dotted keys: more of them may follow.
    case dotted
  }

  enum Slot {
    case closed(Node)
    case table(OpenTable)
    /// An array of tables, of which the last may grow.
    case tables(OpenTables)
  }

  var origin: Origin
  private(set) var keys: [String] = []
  private var slots: [String: (line: Int, slot: Slot)] = [:]

  init(_ origin: Origin) { self.origin = origin }

  subscript(key: String) -> Slot? { slots[key]?.slot }

  func line(of key: String) -> Int? { slots[key]?.line }

  func set(_ key: String, _ slot: Slot, line: Int) {
    if slots[key] == nil { keys.append(key) }
    slots[key] = (slots[key]?.line ?? line, slot)
  }

  var node: Node {
    .table(
      keys.compactMap { key in
        slots[key].map { line, slot in
          switch slot {
          case .closed(let node): Node.Entry(key: key, line: line, value: node)
          case .table(let table): Node.Entry(key: key, line: line, value: table.node)
          case .tables(let tables): Node.Entry(key: key, line: line, value: .array(tables.all.map(\.node)))
          }
        }
      })
  }
}

/// An array of tables while it may still grow.
private final class OpenTables {
  private(set) var all: [OpenTable]
  private(set) var last: OpenTable

  init(_ first: OpenTable) {
    all = [first]
    last = first
  }

  func append(_ table: OpenTable) {
    all.append(table)
    last = table
  }
}

private struct TOMLParser {
  /// How many tables and arrays may be inside one another; a configuration needs three.
  static let maximumDepth = 16

  var scanner: TOMLScanner

  mutating func document() throws(SyntaxError) -> [Node.Entry] {
    let root = OpenTable(.header)
    var current = root
    try scanner.skipBlanks()
    while scanner.peek != nil {
      if scanner.take("[") {
        current = try header(below: root)
      } else {
        try pair(in: current, depth: 0)
      }
      try scanner.endLine()
      try scanner.skipBlanks()
    }
    guard case .table(let entries) = root.node else { return [] }
    return entries
  }

  // MARK: - Headers

  /// `[a.b]` or `[[a.b]]`, after the first bracket.
  private mutating func header(below root: OpenTable) throws(SyntaxError) -> OpenTable {
    let isArray = scanner.take("[")
    var path = try key(depth: 0)
    guard scanner.take("]"), !isArray || scanner.take("]") else {
      throw scanner.failure("\(scanner.here) in a section's name", advice: "write it as [section]")
    }
    let last = path.removeLast()
    var table = root
    for part in path {
      switch table[part] {
      case nil:
        let made = OpenTable(.implicit)
        table.set(part, .table(made), line: scanner.line)
        table = made
      case .table(let inner): table = inner
      case .tables(let inner): table = inner.last
      case .closed: throw twice(part, in: table)
      }
    }
    let made = OpenTable(.header)
    switch (table[last], isArray) {
    case (nil, false): table.set(last, .table(made), line: scanner.line)
    case (nil, true): table.set(last, .tables(OpenTables(made)), line: scanner.line)
    case (.tables(let others), true): others.append(made)
    case (.table(let implicit), false) where implicit.origin == .implicit:
      implicit.origin = .header
      return implicit
    default: throw twice(last, in: table)
    }
    return made
  }

  // MARK: - Keys and values

  /// `key = value`; dotted keys make the tables on their way.
  private mutating func pair(in table: OpenTable, depth: Int) throws(SyntaxError) {
    let line = scanner.line
    var path = try key(depth: depth)
    guard scanner.take("=") else {
      throw scanner.failure("\(scanner.here) after a key", advice: "write lines as key = value")
    }
    let last = path.removeLast()
    var table = table
    for part in path {
      switch table[part] {
      case nil:
        let made = OpenTable(.dotted)
        table.set(part, .table(made), line: line)
        table = made
      case .table(let inner) where inner.origin != .header:
        inner.origin = .dotted
        table = inner
      default: throw twice(part, in: table)
      }
    }
    guard table[last] == nil else { throw twice(last, in: table) }
    scanner.skipSpaces()
    table.set(last, .closed(try value(depth: depth + path.count + 1)), line: line)
  }

  /// The parts of a dotted key, with the blanks around it.
  private mutating func key(depth: Int) throws(SyntaxError) -> [String] {
    var path: [String] = []
    repeat {
      scanner.skipSpaces()
      path.append(try scanner.keyPart())
      try limit(depth + path.count)
      scanner.skipSpaces()
    } while scanner.take(".")
    return path
  }

  private mutating func value(depth: Int) throws(SyntaxError) -> Node {
    try limit(depth)
    switch scanner.peek {
    case UInt8(ascii: "\""), UInt8(ascii: "'"): return .text(try scanner.string())
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "{"): return try inlineTable(depth: depth)
    default: return try scanner.bareValue()
    }
  }

  private mutating func array(depth: Int) throws(SyntaxError) -> Node {
    var items: [Node] = []
    _ = scanner.take("[")
    while true {
      try scanner.skipBlanks()
      if scanner.take("]") { return .array(items) }
      items.append(try value(depth: depth + 1))
      try scanner.skipBlanks()
      if scanner.take(",") { continue }
      if scanner.take("]") { return .array(items) }
      throw scanner.failure("\(scanner.here) in an array", advice: "put commas between its values and close it with ]")
    }
  }

  private mutating func inlineTable(depth: Int) throws(SyntaxError) -> Node {
    let table = OpenTable(.implicit)
    _ = scanner.take("{")
    scanner.skipSpaces()
    if scanner.take("}") { return table.node }
    while true {
      try pair(in: table, depth: depth)
      scanner.skipSpaces()
      if scanner.take("}") { return table.node }
      guard scanner.take(",") else {
        throw scanner.failure(
          "\(scanner.here) in a table", advice: "put commas between its pairs and close it with } on the same line")
      }
    }
  }

  // MARK: - Refusals

  private func limit(_ depth: Int) throws(SyntaxError) {
    guard depth <= Self.maximumDepth else {
      throw scanner.failure(
        "values nested deeper than \(Self.maximumDepth)", advice: "every key is of the form section.key")
    }
  }

  private func twice(_ key: String, in table: OpenTable) -> SyntaxError {
    let first = table.line(of: key).map { " (first on line \($0))" } ?? ""
    return scanner.failure(
      "\(tomlKey(abbreviated(key))) is written twice\(first)", advice: "keep one of the two")
  }
}
