// Rows in order, one at a time. Each step seeks anew: logarithmic, and no cursor has to outlive a decision.

internal import LMDB

/// A key and its value, copied out of the map.
typealias Row = (key: [UInt8], value: [UInt8])

extension Reading where Self: ~Copyable {
  /// The first row at or after `key` whose key begins with `prefix`.
  func row(in table: Table, from key: [UInt8] = [], prefix: [UInt8] = []) throws -> Row? {
    var cursor = try cursor(table)
    guard try cursor.seek(atOrAfter: key.isEmpty ? prefix : key) else { return nil }
    return try Self.current(cursor, prefix)
  }

  /// The first row behind `key` whose key begins with `prefix`.
  func row(in table: Table, after key: [UInt8], prefix: [UInt8] = []) throws -> Row? {
    // The smallest key greater than this one is this one with a zero byte behind it.
    try row(in: table, from: key + [0], prefix: prefix)
  }

  /// The last row before `key` whose key begins with `prefix`.
  func row(in table: Table, before key: [UInt8], prefix: [UInt8] = []) throws -> Row? {
    var cursor = try cursor(table)
    guard try cursor.seek(before: key) else { return nil }
    return try Self.current(cursor, prefix)
  }

  private static func current(_ cursor: borrowing Cursor, _ prefix: [UInt8]) throws -> Row? {
    guard let key = try cursor.key, key.starts(with: prefix), let value = try cursor.value else { return nil }
    return (key, value)
  }
}
