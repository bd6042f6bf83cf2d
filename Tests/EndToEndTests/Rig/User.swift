// A user of the box: what an application does with its token.

import Foundation

/// A user and their token.
struct User {
  let box: Box
  let name: String
  let token: String

  var authorization: [String: String] { ["Authorization": "Bearer \(token)"] }

  func ask(
    _ method: String, _ target: String, headers: [String: String] = [:], body: String? = nil
  ) throws -> Answer {
    try box.ask(method, target, headers: authorization.merging(headers) { $1 }, body: body)
  }

  /// Asks and insists on a status and on JSON.
  @discardableResult
  func expect(_ status: Int, _ method: String, _ target: String, body: String? = nil) throws -> JSON {
    let answer = try ask(method, target, body: body)
    guard answer.status == status else {
      throw RigFailure("\(method) \(target) by \(name): not \(status) but \(answer)\n\(box.report)")
    }
    return try JSON(answer.body.array)
  }

  // MARK: Downloads

  static func startBody(_ title: Title) -> String {
    "{\"content_id\":\"\(title.contentID)\",\"quality\":\"\(title.quality)\"}"
  }

  /// Asks for a title.
  func tryStart(_ title: Title) throws -> Answer {
    try ask("POST", "/api/downloads/start", body: Self.startBody(title))
  }

  /// Asks for a title that the box must take; the download's id.
  func start(_ title: Title) throws -> String {
    let answer = try tryStart(title)
    guard answer.status == 201, let id = answer.json?.id?.text else {
      throw RigFailure("start of \(title.contentID): \(answer)\n\(box.report)")
    }
    return id
  }

  func download(_ id: String) throws -> JSON { try expect(200, "GET", "/api/downloads/\(id)") }

  /// Waits until a download is as described.
  @discardableResult
  func wait(_ id: String, _ what: String, within seconds: Double = 30, until condition: (JSON) -> Bool) throws -> JSON {
    var last = JSON.null
    return try eventually("\(id) \(what)", within: seconds, explain: "last seen: \(last)\n\(box.report)") {
      last = try download(id)
      return condition(last) ? last : nil
    }
  }

  /// Waits for a status.
  @discardableResult
  func wait(_ id: String, for status: String, within seconds: Double = 30) throws -> JSON {
    try wait(id, status, within: seconds) { $0.status?.text == status }
  }

  /// Waits for a reason in `error`.
  @discardableResult
  func wait(_ id: String, forError code: String) throws -> JSON {
    try wait(id, "error \(code)") { $0.error?.code?.text == code }
  }

  /// Fetches a title whole; the download's id.
  func fetch(_ title: Title) throws -> String {
    let id = try start(title)
    try wait(id, for: "completed")
    return id
  }

  func play(_ id: String, headers: [String: String] = [:]) throws -> Answer {
    try ask("GET", "/api/downloads/\(id)/play", headers: headers)
  }

  // MARK: Quota

  /// The figures of the quota, as the box gives them.
  func storage() throws -> Storage {
    let figures = try expect(200, "GET", "/api/downloads/storage")
    return Storage(
      limit: figures.limit_bytes?.int, used: figures.used_bytes?.int, reserved: figures.reserved_bytes?.int,
      available: figures.available_bytes?.int)
  }
}

/// A user's quota in figures.
struct Storage: Equatable {
  var limit: Int?
  var used: Int?
  var reserved: Int?
  var available: Int?

  /// What the figures must be.
  static func of(_ limit: Int, used: Int, reserved: Int) -> Storage {
    Storage(limit: limit, used: used, reserved: reserved, available: max(0, limit - used - reserved))
  }
}
