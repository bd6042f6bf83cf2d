// JSON as tests read it: `answer.error?.code?.text`.

import Foundation

@dynamicMemberLookup
enum JSON: Decodable, Equatable, CustomStringConvertible {
  case null
  case bool(Bool)
  case number(Double)
  case text(String)
  case array([JSON])
  case object([String: JSON])

  init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    if value.decodeNil() {
      self = .null
    } else if let it = try? value.decode(Bool.self) {
      self = .bool(it)
    } else if let it = try? value.decode(Double.self) {
      self = .number(it)
    } else if let it = try? value.decode(String.self) {
      self = .text(it)
    } else if let it = try? value.decode([JSON].self) {
      self = .array(it)
    } else {
      self = .object(try value.decode([String: JSON].self))
    }
  }

  /// Reads a whole document.
  init(_ bytes: some Sequence<UInt8>) throws {
    let data = Data(bytes)
    do {
      self = try JSONDecoder().decode(JSON.self, from: data)
    } catch {
      throw RigFailure("not JSON: \(String(decoding: data.prefix(500), as: UTF8.self))")
    }
  }

  subscript(dynamicMember name: String) -> JSON? { self[name] }

  subscript(name: String) -> JSON? {
    if case .object(let members) = self { members[name] } else { nil }
  }

  var text: String? { if case .text(let it) = self { it } else { nil } }
  var double: Double? { if case .number(let it) = self { it } else { nil } }
  var int: Int? { double.flatMap { Int(exactly: $0) } }
  var bool: Bool? { if case .bool(let it) = self { it } else { nil } }
  var array: [JSON]? { if case .array(let it) = self { it } else { nil } }
  var names: Set<String>? { if case .object(let it) = self { Set(it.keys) } else { nil } }

  var description: String {
    switch self {
    case .null: "null"
    case .bool(let it): "\(it)"
    case .number(let it): Int(exactly: it).map(String.init) ?? "\(it)"
    case .text(let it): "\"\(it)\""
    case .array(let it): "[\(it.map(\.description).joined(separator: ", "))]"
    case .object(let it):
      "{\(it.sorted { $0.key < $1.key }.map { "\"\($0.key)\": \($0.value)" }.joined(separator: ", "))}"
    }
  }
}
