// Entity tags and lists of them: RFC 9110, sections 8.8.3 and 13.1.
//
// A list that is malformed anywhere matches nothing, not even with the tags before the damage. So a broken
// If-Match refuses and a broken If-None-Match sends everything: neither can hand out wrong bytes.

/// How two entity tags are compared (section 8.8.3.2).
enum EntityTagComparison {
  /// Both must be strong.
  case strong
  /// The opaque parts are compared alone.
  case weak
}

/// Looks for an entity tag in a field value.
enum EntityTag {
  /// Whether the value is `*`.
  static func isAny(_ value: ByteView) -> Bool {
    value.count == 1 && value[0] == UInt8(ascii: "*")
  }

  /// Where the tag at `start` ends, or nil when there is none.
  static func end(_ value: ByteView, from start: Int) -> Int? {
    var index = start
    if isWeak(value, at: start) { index &+= 2 }
    guard index < value.count, value[index] == .quote else { return nil }
    index &+= 1
    while index < value.count, value[index] != .quote {
      guard value[index] > 0x20, value[index] != 0x7f else { return nil }
      index &+= 1
    }
    return index < value.count ? index &+ 1 : nil
  }

  static func isWeak(_ value: ByteView, at start: Int) -> Bool {
    start &+ 1 < value.count && value[start] == UInt8(ascii: "W") && value[start &+ 1] == UInt8(ascii: "/")
  }

  static func matches(_ candidate: ByteView, _ tag: ByteView, _ comparison: EntityTagComparison) -> Bool {
    guard tag.count > 0 else { return false }
    switch comparison {
    case .strong:
      return !isWeak(candidate, at: 0) && !isWeak(tag, at: 0) && candidate.equals(tag)
    case .weak:
      return opaque(candidate).equals(opaque(tag))
    }
  }

  private static func opaque(_ tag: ByteView) -> ByteView {
    isWeak(tag, at: 0) ? tag[2..<tag.count] : tag
  }

  /// Whether a list of tags holds `tag`; nil when the list is malformed or empty.
  static func list(_ value: ByteView, contains tag: ByteView, _ comparison: EntityTagComparison) -> Bool? {
    var index = 0
    var found = false
    var tags = 0
    while index < value.count {
      if value[index] == .comma || value[index].isBlank {
        index &+= 1
        continue
      }
      guard let end = end(value, from: index) else { return nil }
      tags &+= 1
      if matches(value[index..<end], tag, comparison) { found = true }
      index = end
      while index < value.count, value[index].isBlank { index &+= 1 }
      guard index == value.count || value[index] == .comma else { return nil }
    }
    return tags > 0 ? found : nil
  }
}
