// The head of an answer: its status and its header fields, read from the lines that curl hands over.

/// The status and the header fields of the final answer; interim ones (1xx, RFC 9110, 15.2) are skipped.
public struct TransferHead: Sendable {
  public let status: Int
  /// In the order in which they came, names lower-cased, fields of one name apart.
  public let headers: [(name: String, value: String)]

  /// The first value of a field, by its lower-case name.
  public subscript(name: String) -> String? { headers.first { $0.name == name }?.value }

  /// All values of a field, by its lower-case name: more than one is often a reason for distrust.
  public func values(_ name: String) -> [String] { headers.filter { $0.name == name }.map(\.value) }
}

/// Gathers the lines of heads until the final one is whole: a value, fed line by line.
struct HeadReader {
  enum Event {
    /// More lines are needed, or the line belonged to no head of interest.
    case goOn
    /// This was the empty line after the final head.
    case head(TransferHead)
    /// The lines are longer than allowed, all heads together.
    case tooLarge
  }

  private let limit: Int
  private var bytes = 0
  private var status: Int?
  private var headers: [(name: String, value: String)] = []
  /// Whether the final head has been whole.
  private(set) var isOver = false

  init(limit: Int) { self.limit = limit }

  /// Takes one line with its line end.
  mutating func received(line: some Collection<UInt8>) -> Event {
    bytes += line.count
    guard bytes <= limit else { return .tooLarge }
    // After the final head only trailers come (RFC 9112, 7.1.2): nobody asked for them.
    if isOver { return .goOn }
    let line = trimmingEnd(line[...]) { $0 == 13 || $0 == 10 }
    if line.starts(with: "HTTP/".utf8) {
      // "HTTP/1.1 206 Partial Content": the second word, which is 0 when it is no number.
      let word = line.split(separator: UInt8(ascii: " "), maxSplits: 2).dropFirst().first
      status = word.flatMap { Int(String(decoding: $0, as: UTF8.self)) } ?? 0
      headers = []
      return .goOn
    }
    guard let status else { return .goOn }
    if line.isEmpty {
      if 100..<200 ~= status {
        self.status = nil
        return .goOn
      }
      isOver = true
      return .head(TransferHead(status: status, headers: headers))
    }
    add(line, continues: line.first == UInt8(ascii: " ") || line.first == UInt8(ascii: "\t"))
    return .goOn
  }

  private mutating func add(_ line: some Collection<UInt8>, continues: Bool) {
    if continues, let last = headers.indices.last {
      // Obsolete folding (RFC 9112, 5.2): a space in its place.
      headers[last].value += " " + text(line)
      return
    }
    guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return }
    headers.append((text(line[..<colon]).lowercased(), text(line[line.index(after: colon)...])))
  }

  private func text(_ bytes: some Collection<UInt8>) -> String {
    let isBlank = { (byte: UInt8) in byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
    return String(decoding: trimmingEnd(bytes.drop(while: isBlank), isBlank), as: UTF8.self)
  }

  private func trimmingEnd<Bytes: Collection<UInt8>>(_ bytes: Bytes, _ isDropped: (UInt8) -> Bool) -> Bytes
  where Bytes.SubSequence == Bytes {
    var end = bytes.startIndex
    for index in bytes.indices where !isDropped(bytes[index]) { end = bytes.index(after: index) }
    return bytes[..<end]
  }
}
