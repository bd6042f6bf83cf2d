// A TOML document as a tree of plain values, each key with its line, so that whoever
// reads the tree can say where a mistake stands.

/// A value of a TOML document.
enum Node: Equatable, Sendable {
  case text(String)
  case integer(Int)
  case boolean(Bool)
  case array([Node])
  case table([Entry])
  /// A value of a type that no key takes, in words.
  case other(String)

  /// A key with its value and the line on which it is first named, from 1.
  struct Entry: Equatable, Sendable {
    let key: String
    let line: Int
    let value: Node
  }

  /// What the value is, as errors call it.
  var kind: String {
    switch self {
    case .text(let text): "the text \(quoted(text))"
    case .integer(let number): "the number \(number)"
    case .boolean: "true or false"
    case .array: "an array"
    case .table: "a table"
    case .other(let kind): kind
    }
  }
}

/// The first place where a text is not TOML.
struct SyntaxError: Error, Equatable {
  let line: Int
  let message: String
  let advice: String
}
