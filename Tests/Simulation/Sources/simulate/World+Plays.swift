// Players: they ask as players do, for all of a title, from here on, for parts; take what they get at their own pace; and
// leave when they like. What answers them are the program's own `Playable` and `Outgoing`.

import Cache
import HTTP
import Loop

extension World {
  /// What a player asks for, and how it takes the answer.
  struct Viewing {
    var fields: String
    var isHead = false
    /// What its socket takes at first, and then each time it was empty for so many milliseconds.
    var buffer: Int
    var portion: Int
    var rest: UInt64
    /// It is gone after so many portions.
    var patience: Int
  }

  func play() {
    guard let download = anyDownload() else { return }
    let user = dice.roll(12) == 0 ? dice.pick(Checkers.users) : download.user
    let wish = Viewing(
      fields: fields(size: download.totalBytes ?? 0), isHead: dice.roll(20) == 0,
      buffer: dice.pick([4096, 20_000, 100_000, 1 << 20]), portion: 1 + dice.roll(2 * Self.block),
      rest: UInt64(dice.pick([1, 30, 700, 5000])), patience: dice.roll(4) == 0 ? dice.roll(4) : 100)
    EventLoop.spawn { [self] in await play(download, user, wish) { _, _ in } }
  }

  /// The fields of a request for some of so many bytes.
  private func fields(size: Int) -> String {
    func position() -> Int { dice.roll(size + 100) }
    func range() -> String {
      let first = position()
      return dice.roll(3) == 0 ? "\(first)-" : "\(first)-\(first + dice.roll(2 * Self.block))"
    }
    switch dice.roll(10) {
    case 0, 1: return ""
    case 2: return "Range: bytes=-\(position())\r\n"
    case 3, 4: return "Range: bytes=\((0...dice.roll(4)).map { _ in range() }.joined(separator: ", "))\r\n"
    case 5: return "If-None-Match: \"e\(dice.roll(20))\"\r\n"
    default: return "Range: bytes=\(range())\r\n"
    }
  }

  /// As `API.play` does it, and the connection's fast path: what is ready goes out at once, and else it is prepared first.
  ///
  /// - Parameter ended: told what the client got, and whether the box sent all that it wanted to.
  func play(
    _ download: Download, _ user: UserID, _ wish: Viewing,
    ended: @escaping (_ client: Client, _ isWhole: Bool) -> Void
  ) async {
    let mine = life
    let wasDeleted = checkers.downloads[download.id]?.isLive == false
    guard let box, let playable = await box.open(user, download.id), mine == life, !isDead else { return }
    checkers.expect(!wasDeleted && user == download.user, "6", "a deleted title is played")
    guard let reader = playable.reader else { return }
    let hold = reader.hold()
    defer { withExtendedLifetime(hold) {} }
    let head = Array("\(wish.isHead ? "HEAD" : "GET") /play HTTP/1.1\r\nHost: box\r\n\(wish.fields)\r\n".utf8)
    let plan = playable.plan(of: APIRequest(head: head))
    if !playable.isReady(for: plan) {
      let verdict = await playable.prepare(plan)
      guard case .ready = verdict, mine == life, !isDead else {
        Trace.say("  \(download.title.contentID) of \(user.text) is not played: \(verdict)")
        refusals += 1
        return
      }
    }
    plays += 1
    if reader.state == .filling { playsOnTheWay += 1 }
    let client = Client(isHead: wish.isHead) { [self] bytes, offset in
      EventLoop.assumeIsolated { checkers.played(bytes, at: offset, of: reader) }
    }
    let wire = unsafe Wire(room: wish.buffer) { unsafe client.take($0) }
    var isOver = false
    let connection = HTTPConnection(wire) { [self] connection, isWhole in
      isOver = true
      box.connections.removeAll { $0 === connection }
      checkers.expect(
        !isWhole || client.isWhole, "1",
        "an answer \(client.status) ended in order after \(client.arrived) of \(client.length) bytes")
      ended(client, isWhole)
    }
    box.connections.append(connection)
    var request = RequestHead()
    unsafe head.withUnsafeBytes { bytes in
      _ = unsafe RequestParser.parse(bytes, into: &request)
      unsafe playable.answer(request, in: bytes, on: connection)
    }
    EventLoop.spawn {
      var portions = 0
      while !isOver {
        try? await EventLoop.sleep(for: .milliseconds(Int64(wish.rest)))
        portions += 1
        if portions > wish.patience, !isOver { connection.close() }
        if wire.room == 0 { connection.drained(wish.portion) }
      }
    }
  }

  /// Everything that is whole plays from end to end.
  func playAll() throws {
    for download in checkers.downloads.values.sorted(by: { $0.id < $1.id })
    where download.isLive && download.status == .completed {
      guard try box?.read({ try $0.object(download.object, in: $1)?.state }) == .complete else { continue }
      // Where the disk lost a name, the file that is open still gives way to the new one with one 503.
      var isWhole = false
      for _ in 0..<2 where !isWhole {
        EventLoop.spawn { [self] in
          let wish = Viewing(fields: "", buffer: Self.block, portion: Self.block, rest: 1, patience: .max)
          await play(download, download.user, wish) { client, _ in
            isWhole = client.isWhole && client.status == 200 && client.titleBytes == download.totalBytes
          }
        }
        try rest()
        guard !disk.vanished.isEmpty else { break }
      }
      checkers.expect(isWhole, "1", "the completed \(download.title.contentID) does not play to its end")
    }
  }
}
