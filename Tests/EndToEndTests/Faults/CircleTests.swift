// A ledger that a fill could run in a circle about: downloads of an object that is not there, an object that is to be
// mended and is not there. The box serves, tells it, and goes on by itself.

import Cache
import Foundation
import LMDB
import Testing

@LaneB @Suite("Circles") struct CircleTests {
  private let block = 256 << 10

  /// A stopped box with a title that is half there, and a ledger that does not know its object any more.
  private func broken() throws -> (Box, User, Title, String) {
    let box = try Box(["storage": ["scrub_rate": "0"]])
    let ann = try box.user("ann")
    let title = Title(size: 24 * block)
    try box.origin.put(title)
    box.proxy.hold(after: box.proxy.traffic + 12 * block)
    let id = try ann.start(title)
    try ann.wait(id, "some of it") { ($0.downloaded_bytes?.int ?? 0) > 0 }
    _ = try box.terminate()
    box.proxy.release()
    let ledger = try Ledger(path: box.path("ledger"))
    defer { ledger.environment.close() }
    let (objects, mends) = (
      try ledger.environment.table("objects", create: false), try ledger.environment.table("mends", create: false)
    )
    func key(_ number: UInt8) -> [UInt8] { [0, 0, 0, 0, 0, 0, 0, number] }
    try ledger.environment.write { tx in
      #expect(try tx.delete(objects, key(1)))
      // And a row that says of an object which is not there that it is to be mended.
      try tx.put(mends, key(77), [])
    }
    return (box, ann, title, id)
  }

  private func expectWell(_ box: Box, _ ann: User, _ title: Title, _ id: String) throws {
    let done = try ann.wait(id, for: "completed")
    #expect(done.error == .null)
    #expect(try ann.play(id).body == title.bytes)
    #expect(try ann.expect(200, "GET", "/healthz").status?.text == "ok")
  }

  @Test("a download of an object that is not there asks for its version anew, and the box serves meanwhile")
  func goesOnByItself() throws {
    let (box, ann, title, id) = try broken()
    let found = try box.verify()
    #expect(found.ending == .exited(1) && (found.kinds["ledger"] ?? 0) > 1, "\(found)")
    try box.start()
    try expectWell(box, ann, title, id)
    #expect(try box.terminate() == .exited(0))
  }

  @Test("larder verify --repair mends such a ledger", arguments: [false, true])
  func isMended(isRunning: Bool) throws {
    let (box, ann, title, id) = try broken()
    if isRunning { try box.start() }
    let repair = try box.verify("--repair")
    #expect(repair.ending == .exited(0) && (repair.summary?.mended?.int ?? 0) > 0, "\(repair)")
    if !isRunning { try box.start() }
    try expectWell(box, ann, title, id)
    #expect(try box.verify().isClean)
  }
}
