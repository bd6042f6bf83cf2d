// Every operation on a download in every state that it can be in.

import Foundation
import Glibc
import Testing

@LaneB @Suite("Every operation in every state") struct StateTableTests {
  /// The states, with one for a completed download that was deleted.
  enum State: String, CaseIterable {
    case pending, downloading, paused, completed, failed, cancelled, deleted
  }

  struct Operation {
    var method: String
    var path: String
    /// The answer in each state, and the status of the download after it where that changes.
    var answers: [State: (Int, String?)]
  }

  /// The table itself. What is not there is left open (a play of what is partly there is tested with the plays).
  private static let operations: [Operation] = [
    Operation(
      method: "GET", path: "",
      answers: [
        .pending: (200, nil), .downloading: (200, nil), .paused: (200, nil), .completed: (200, nil),
        .failed: (200, nil), .cancelled: (200, nil), .deleted: (200, nil),
      ]),
    Operation(
      method: "POST", path: "/pause",
      answers: [
        .pending: (200, "paused"), .downloading: (200, "paused"), .paused: (200, "paused"), .completed: (409, nil),
        .failed: (409, nil), .cancelled: (404, nil), .deleted: (404, nil),
      ]),
    Operation(
      method: "POST", path: "/resume",
      answers: [
        .pending: (200, nil), .downloading: (200, nil), .paused: (200, "pending or downloading"),
        .completed: (409, nil), .failed: (409, nil), .cancelled: (404, nil), .deleted: (404, nil),
      ]),
    Operation(
      method: "PUT", path: "/pin",
      answers: [
        .pending: (200, nil), .downloading: (200, nil), .paused: (200, nil), .completed: (200, nil),
        .failed: (200, nil), .cancelled: (404, nil), .deleted: (404, nil),
      ]),
    Operation(
      method: "DELETE", path: "/pin",
      answers: [
        .pending: (200, nil), .downloading: (200, nil), .paused: (200, nil), .completed: (200, nil),
        .failed: (200, nil), .cancelled: (404, nil), .deleted: (404, nil),
      ]),
    Operation(
      method: "GET", path: "/play",
      answers: [
        .pending: (409, nil), .completed: (200, nil), .failed: (409, nil), .cancelled: (404, nil),
        .deleted: (404, nil),
      ]),
    Operation(
      method: "POST", path: "/retry",
      answers: [
        .pending: (200, nil), .downloading: (200, nil), .paused: (409, nil), .completed: (409, nil),
        .failed: (200, "pending or downloading"), .cancelled: (404, nil), .deleted: (404, nil),
      ]),
    Operation(
      method: "DELETE", path: "",
      answers: [
        .pending: (200, "cancelled"), .downloading: (200, "cancelled"), .paused: (200, "cancelled"),
        .completed: (409, nil), .failed: (200, "cancelled"), .cancelled: (404, nil), .deleted: (404, nil),
      ]),
    Operation(
      method: "DELETE", path: "/delete",
      answers: [
        .pending: (409, nil), .downloading: (409, nil), .paused: (409, nil), .completed: (200, "deleted"),
        .failed: (200, "deleted"), .cancelled: (404, nil), .deleted: (404, nil),
      ]),
  ]

  /// A box on which one title is held back, so that downloads stay in the state that they are brought to.
  private func heldBox() throws -> Box {
    try Box(["downloads": ["active": "1", "connections": "1"], "quota": ["default": "\"1GiB\""]])
  }

  /// Brings a new download into a state.
  private func make(_ state: State, _ box: Box, _ user: User) throws -> String {
    let title = Title(size: 1 << 20)
    try box.origin.put(title)
    switch state {
    case .downloading, .pending, .paused, .cancelled:
      box.proxy.hold(after: box.proxy.traffic + (300 << 10))
      let first = try user.start(title)
      try user.wait(first, "downloading") { $0.status?.text == "downloading" && ($0.downloaded_bytes?.int ?? 0) > 0 }
      if state == .downloading { return first }
      if state == .pending {
        // The only place is taken.
        let second = Title(size: 1000)
        try box.origin.put(second)
        return try user.start(second)
      }
      if state == .paused {
        try user.expect(200, "POST", "/api/downloads/\(first)/pause")
      } else {
        try user.expect(200, "DELETE", "/api/downloads/\(first)")
      }
      return first
    case .completed: return try user.fetch(title)
    case .deleted:
      let id = try user.fetch(title)
      try user.expect(200, "DELETE", "/api/downloads/\(id)/delete")
      return id
    case .failed:
      // Gone from the origin before the box has heard of it.
      box.proxy.goDown()
      let id = try user.start(title)
      try box.origin.remove(key: title.key)
      try box.proxy.comeBack()
      try user.wait(id, for: "failed")
      // Back again, but held, so that a retry has something to do and does not end.
      box.proxy.hold(after: box.proxy.traffic)
      try box.origin.put(title)
      return id
    }
  }

  @Test("is answered as the contract has it, and leaves the state that it should", arguments: State.allCases)
  func table(state: State) throws {
    let box = try heldBox()
    let ann = try box.user("ann")
    for operation in Self.operations {
      guard let (status, after) = operation.answers[state] else { continue }
      let id = try make(state, box, ann)
      let before = try ann.download(id)
      #expect(before.status?.text == (state == .deleted ? "completed" : state.rawValue))
      let answer = try ann.ask(operation.method, "/api/downloads/\(id)\(operation.path)")
      let what = "\(operation.method) \(operation.path) when \(state): \(answer)"
      #expect(answer.status == status, "\(what)")
      switch status {
      case 404: #expect(answer.code == "not_found", "\(what)")
      case 409: #expect(answer.code == (operation.path == "/play" ? "not_ready" : "conflict"), "\(what)")
      default: break
      }
      let now = try ann.download(id)
      switch after {
      case nil where state != .pending:
        #expect(now.status == before.status && now.deleted_at == before.deleted_at, "\(what)")
      case "pending or downloading":
        #expect(["pending", "downloading"].contains(now.status?.text), "\(what)")
      case "deleted": #expect(now.deleted_at?.text != nil, "\(what)")
      case let after?: #expect(now.status?.text == after, "\(what)")
      default: break
      }
      if after == "cancelled" { #expect(now.deleted_at?.text != nil, "\(what)") }
      // A clean table for the next one.
      box.proxy.release()
      try ann.expect(200, "POST", "/api/downloads/cleanup/all")
      #expect(try ann.storage() == .of(1 << 30, used: 0, reserved: 0))
    }
  }

  @Test("a paused download stands still, and resumes where it was")
  func pauseAndResume() throws {
    let box = try heldBox()
    let ann = try box.user("ann")
    let title = Title(size: 2 << 20)
    try box.origin.put(title)
    box.proxy.hold(after: 1 << 20)
    let id = try ann.start(title)
    try ann.wait(id, "some bytes") { ($0.downloaded_bytes?.int ?? 0) >= (512 << 10) }
    try ann.expect(200, "POST", "/api/downloads/\(id)/pause")
    box.proxy.release()
    let other = Title(size: 100_000)
    try box.origin.put(other)
    // Its place is free for another title, and when that is done nothing has moved here.
    _ = try ann.fetch(other)
    let paused = try ann.download(id)
    #expect(paused.status?.text == "paused")
    #expect((paused.downloaded_bytes?.int ?? .max) <= 1 << 20)
    #expect(try ann.storage().reserved == title.size, "a paused one keeps its reservation")
    try ann.expect(200, "POST", "/api/downloads/\(id)/resume")
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
    #expect(box.proxy.traffic <= title.size + other.size + (512 << 10), "it did not start anew")
  }

  @Test("what a user pauses, another user who wants the same title still gets")
  func pauseIsOnesOwn() throws {
    let box = try heldBox()
    let ann = try box.user("ann")
    let bob = try box.user("bob")
    let title = Title(size: 2 << 20)
    try box.origin.put(title)
    box.proxy.hold(after: 1 << 20)
    let hers = try ann.start(title)
    let his = try bob.start(title)
    try ann.expect(200, "POST", "/api/downloads/\(hers)/pause")
    box.proxy.release()
    try bob.wait(his, for: "completed")
    #expect(try bob.play(his).body == title.bytes)
    // Hers waits for her wish, or is there too; either way it can go without taking his along.
    let mine = try ann.download(hers).status?.text
    #expect(mine == "paused" || mine == "completed")
    try ann.expect(200, "POST", "/api/downloads/cleanup/all")
    #expect(try bob.play(his).body == title.bytes)
  }
}
