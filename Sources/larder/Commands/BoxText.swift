// The documents of the administration in words and tables, for people.

import HTTP

extension JSONValue {
  /// A member that is a whole number.
  fileprivate func int(_ name: String) -> Int? { self[name]?.integer.map { Int($0) } }

  /// A member that is a text, harmless on a terminal.
  fileprivate func words(_ name: String) -> String { PlainText.harmless(self[name]?.string ?? "") }

  /// A member that is any number.
  fileprivate func double(_ name: String) -> Double {
    switch self[name] {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: 0
    }
  }
}

/// What people read of a document.
enum BoxText {
  /// `-` for what nobody knows.
  static func size(_ bytes: Int?) -> String { bytes.map(ByteText.short) ?? "-" }

  static func rate(_ bytes: Int?) -> String { bytes.map { $0 > 0 ? "\(ByteText.short($0))/s" : "-" } ?? "-" }

  private static func title(_ value: JSONValue) -> String { "\(value.words("content_id")) \(value.words("quality"))" }

  /// `[####----]`.
  static func bar(_ fraction: Double, width: Int) -> String {
    let filled = min(width, max(0, Int(fraction * Double(width))))
    return "[\(String(repeating: "#", count: filled))\(String(repeating: "-", count: width - filled))]"
  }

  // MARK: The box

  /// What the box is doing, in a few lines.
  ///
  /// - Parameter withBar: whether the disk has a bar.
  static func head(_ status: JSONValue, withBar: Bool = false) -> [String] {
    [first(status)] + rows("origin", origin(status))
      + rows("disk", disk(status) + (withBar ? [fullness(status)] : []))
      + rows("downloads", [downloads(status)]) + rows("users", [users(status)]) + rows("scrub", [scrub(status)])
  }

  private static func rows(_ label: String, _ texts: [String]) -> [String] {
    texts.enumerated().map { index, text in PlainText.padded(index == 0 ? label : "", to: 11) + text }
  }

  private static func first(_ status: JSONValue) -> String {
    let name = "larder \(status.words("version"))"
    switch status["running"]?.bool {
    case true?:
      let addresses = (status["listen"]?.array ?? []).compactMap(\.string).joined(separator: ", ")
      let since = PlainText.moment(status["started_at"]?.string)
      return "\(name), running since \(since) UTC, on \(PlainText.harmless(addresses))"
    case false?: return "\(name), not running"
    case nil: return "\(name); without server.admin_socket nobody can tell whether it runs"
    }
  }

  static func origin(_ status: JSONValue) -> [String] {
    let origin = status["origin"] ?? .null
    let since = origin["since"]?.string.map { " since \(PlainText.moment($0)) UTC" } ?? ""
    let state =
      switch origin["reachable"]?.bool {
      case true?: "reachable\(since)"
      case false?: "not reachable\(since)"
      case nil: status["running"]?.bool == true ? "not asked yet" : "not known"
      }
    let error = origin["error"].flatMap { $0.isNull ? nil : "\($0.words("code")): \($0.words("message"))" }
    return ["\(origin.words("endpoint")), bucket \(origin.words("bucket"))", state] + [error].compactMap(\.self)
  }

  static func disk(_ status: JSONValue) -> [String] {
    let storage = status["storage"] ?? .null
    let whole = storage.int("capacity_bytes").map { " of \(size($0))" } ?? ""
    let discarded = storage.int("discarded_bytes") ?? 0
    return [
      storage.words("path"),
      "\(size(storage.int("used_bytes")))\(whole) used; \(size(storage.int("free_bytes"))) free, "
        + "\(size(storage.int("reserve_bytes"))) of it in reserve",
      "\(size(storage.int("complete_bytes"))) whole, \(size(storage.int("unowned_bytes"))) of it nobody's; "
        + "\(size(storage.int("filling_bytes"))) coming in, \(size(storage.int("filling_stored_bytes"))) of it here",
    ] + (discarded > 0 ? ["\(size(discarded)) to be removed"] : [])
  }

  private static func fullness(_ status: JSONValue) -> String {
    let storage = status["storage"] ?? .null
    let used = storage.int("used_bytes") ?? 0
    // Without a capacity of its own the box may have what it uses and what is free.
    let free = (storage.int("free_bytes") ?? 0) - (storage.int("reserve_bytes") ?? 0)
    let whole = storage.int("capacity_bytes") ?? used + max(0, free)
    let fraction = whole > 0 ? Double(used) / Double(whole) : 0
    return "\(bar(fraction, width: 40)) \(Int(fraction * 100)) %"
  }

  static func downloads(_ status: JSONValue) -> String {
    let counts = status["downloads"] ?? .null
    return ["pending", "downloading", "paused", "completed", "failed"]
      .map { "\(counts.int($0) ?? 0) \($0)" }.joined(separator: ", ")
  }

  private static func users(_ status: JSONValue) -> String {
    let connections = status.int("connections").map { "; connections: \($0)" } ?? ""
    return "\(status.int("users") ?? 0)\(connections)"
  }

  private static func scrub(_ status: JSONValue) -> String {
    let scrub = status["scrub"] ?? .null
    guard scrub.int("bytes_per_second") ?? 0 > 0 else { return "off" }
    let last = scrub["finished_at"]?.string.map { "last through \(PlainText.moment($0)) UTC; " } ?? "not through yet; "
    return last + "this round: \(size(scrub.int("checked_bytes"))) checked, \(scrub.int("bad_blocks") ?? 0) blocks bad"
  }

  // MARK: Lists

  /// What is coming in, a bar each.
  static func fills(_ status: JSONValue) -> TextTable {
    var table = TextTable([
      .init("COMING IN", shrinks: true), .init(""), .init("%", isNumber: true), .init("OF", isNumber: true),
      .init("RATE", isNumber: true), .init("LEFT"), .init("FOR", shrinks: true),
    ])
    for fill in status["fills"]?.array ?? [] {
      let trouble = fill["error"].flatMap { $0.isNull ? nil : $0.words("code") }
      let left = fill.int("eta_seconds").map { PlainText.span(seconds: $0) }
      let state = fill.words("status")
      table.add([
        title(fill), bar(fill.double("progress") / 100, width: 10), "\(Int(fill.double("progress")))",
        size(fill.int("total_bytes")), rate(fill.int("bytes_per_second")),
        trouble ?? left ?? (state == "downloading" ? "-" : state),
        (fill["users"]?.array ?? []).compactMap(\.string).joined(separator: ", "),
      ])
    }
    return table
  }

  /// Who watches what.
  static func viewers(_ status: JSONValue) -> TextTable {
    var table = TextTable([
      .init("WATCHING", shrinks: true), .init("TITLE", shrinks: true), .init("RATE", isNumber: true),
      .init("AT %", isNumber: true), .init("OF", isNumber: true), .init("SINCE (UTC)"),
    ])
    for viewer in status["viewers"]?.array ?? [] {
      let total = max(1, viewer.int("total_bytes") ?? 1)
      table.add([
        viewer.words("user"), title(viewer), rate(viewer.int("bytes_per_second")),
        "\(Int(Double(viewer.int("position_bytes") ?? 0) / Double(total) * 100))", size(viewer.int("total_bytes")),
        "\(PlainText.moment(viewer["since"]?.string).dropFirst(11))",
      ])
    }
    return table
  }

  static func users(_ users: [JSONValue]) -> TextTable {
    var table = TextTable([
      .init("USER", shrinks: true), .init("USED", isNumber: true), .init("RESERVED", isNumber: true),
      .init("LIMIT", isNumber: true), .init("AVAILABLE", isNumber: true), .init("DOWNLOADS", isNumber: true),
      .init("LIMIT BY"),
    ])
    for user in users {
      table.add([
        user.words("user"), size(user.int("used_bytes")), size(user.int("reserved_bytes")),
        user.int("limit_bytes").map(ByteText.short) ?? "none",
        user.int("available_bytes").map(ByteText.short) ?? "any", user.int("downloads").map { "\($0)" } ?? "-",
        user.words("limit_from"),
      ])
    }
    return table
  }

  static func downloads(_ downloads: [JSONValue]) -> TextTable {
    var table = TextTable([
      .init("ID"), .init("USER", shrinks: true), .init("TITLE", shrinks: true), .init("STATUS"),
      .init("SIZE", isNumber: true),
    ])
    for download in downloads {
      table.add([
        download.words("id"), download.words("user"), title(download), state(download),
        size(download.int("total_bytes")),
      ])
    }
    return table
  }

  /// A download's state in a few words: `downloading 42 %`, `completed, pinned`, `failed: content_not_found`, `evicted`.
  static func state(_ download: JSONValue) -> String {
    if download["error"]?["code"]?.string == "evicted" { return "evicted" }
    let status = download.words("status")
    var words = status
    if ["pending", "downloading", "paused"].contains(status), download.double("progress") > 0 {
      words += " \(Int(download.double("progress"))) %"
    }
    let isDeleted = download["deleted_at"]?.string != nil
    if isDeleted, status != "cancelled" { words = "\(status), deleted" }
    if download["pinned"]?.bool == true { words += ", pinned" }
    if let error = download["error"], !error.isNull { words += ": \(error.words("code"))" }
    return words
  }

  /// A download in one line.
  static func line(_ download: JSONValue) -> String {
    "\(download.words("id")) of \(download.words("user")), \(title(download)): \(state(download))"
  }

  static func audit(_ events: [JSONValue]) -> TextTable {
    var table = TextTable([
      .init("TIME (UTC)"), .init("EVENT"), .init("USER", shrinks: true), .init("DOWNLOAD"),
      .init("SIZE", isNumber: true), .init("CAUSE", shrinks: true), .init("BY", shrinks: true),
    ])
    for event in events {
      table.add([
        PlainText.moment(event["time"]?.string), event.words("event"), event.words("user"),
        event["download"]?.string ?? event["object"]?.string.map { "object \($0)" } ?? "", size(event.int("bytes")),
        event.words("cause"), event.words("by"),
      ])
    }
    return table
  }
}
