// What survives: a process killed at any point, and one that is asked to end.

import Foundation
import Glibc
import Testing

@LaneA @Suite("Resuming") struct ResumeTests {
  @Test("killed again and again at random points, a title still arrives whole, and hardly a byte is fetched twice")
  func kill9() throws {
    // Slow enough that the kills fall into the fill.
    let box = try Box([
      "downloads": ["max_rate": "\"16MiB\"", "chunk_size": "\"256KiB\"", "connections": "2"],
      "quota": ["default": "\"100MiB\""],
    ])
    let ann = try box.user("ann")
    let title = Title(size: 64 << 20)
    try box.origin.put(title)
    let id = try ann.start(title)
    var shown = 0.0
    for third in 0..<3 {
      let point = Double.random(in: (Double(third) * 30 + 5)...(Double(third) * 30 + 30))
      try ann.wait(id, "\(point) %") { ($0.progress?.double ?? 0) >= point }
      try box.kill()
      try box.start()
      let after = try ann.download(id)
      let progress = try #require(after.progress?.double)
      #expect(progress >= shown, "it never goes down")
      #expect(progress <= 100 && after.status?.text != "failed")
      #expect(try ann.storage() == .of(100 << 20, used: 0, reserved: title.size))
      shown = progress
    }
    try ann.wait(id, for: "completed", within: 60)
    #expect(try ann.play(id).body == title.bytes)
    #expect(try ann.storage() == .of(100 << 20, used: title.size, reserved: 0))
    #expect(box.proxy.traffic >= title.size)
    #expect(Double(box.proxy.traffic) < 1.1 * Double(title.size), "\(box.proxy.traffic) for \(title.size)")
    #expect(try box.terminate() == .exited(0))
  }

  @Test("with chunks of the usual size on a slow line too, a kill costs at most two seconds of what was fetched")
  func slowLine() throws {
    let rate = 4 << 20
    let box = try Box(["downloads": ["max_rate": "\(rate)", "chunk_size": "\"8MiB\"", "connections": "4"]])
    let ann = try box.user("ann")
    let title = Title(size: 24 << 20)
    try box.origin.put(title)
    let id = try ann.start(title)
    try eventually("more than half is fetched", explain: box.report) { box.proxy.traffic > 14 << 20 ? true : nil }
    try box.kill()
    try box.start()
    try ann.wait(id, for: "completed", within: 60)
    #expect(try ann.play(id).body == title.bytes)
    // And what lay in the kernel's buffers, which the proxy has counted and nobody has read.
    let buffers = 1 << 20
    #expect(box.proxy.traffic - title.size <= 2 * rate + buffers, "\(box.proxy.traffic - title.size) bytes more")
  }

  @Test("on a line on which a block takes many seconds, a kill costs two seconds all the same")
  func verySlowLine() throws {
    let rate = 96 << 10
    let box = try Box(["downloads": ["max_rate": "\(rate)", "chunk_size": "\"8MiB\"", "connections": "4"]])
    let ann = try box.user("ann")
    let administrator = try box.user("root", roles: ["admin"])
    let title = Title(size: 8 << 20)
    try box.origin.put(title)
    let id = try ann.start(title)
    func fetched() throws -> Int {
      let lines = try administrator.ask("GET", "/metrics").body.text.split(separator: "\n")
      let line = try #require(lines.first { $0.hasPrefix("larder_fill_bytes_total ") })
      return try #require(Int(line.split(separator: " ")[1]))
    }
    let before = try eventually("six seconds' worth is fetched", explain: box.report) {
      let count = try fetched()
      return count >= 6 * rate ? count : nil
    }
    try box.kill()
    let answered = box.proxy.requests.count
    try box.change(["downloads": ["max_rate": "0"]])
    try box.start()
    try ann.wait(id, for: "completed", within: 60)
    #expect(try ann.play(id).body == title.bytes)
    // What is asked for now is what the box did not have.
    let asked = box.proxy.requests[answered...].compactMap { request -> Int? in
      guard let range = request.range?.dropFirst("bytes=".count).split(separator: "-"), range.count == 2,
        let first = Int(range[0]), let last = Int(range[1])
      else { return nil }
      return last - first + 1
    }
    let lost = before - (title.size - asked.reduce(0, +))
    #expect(lost <= 2 * rate, "\(lost) bytes of \(before), at \(rate) a second")
  }

  @Test("asked to end, it exits 0 with every finished chunk durable, and goes on from there")
  func sigterm() throws {
    let box = try Box(["downloads": ["chunk_size": "\"256KiB\"", "connections": "2"]])
    let ann = try box.user("ann")
    let title = Title(size: 8 << 20)
    try box.origin.put(title)
    // Held within a chunk: everything before it is finished.
    box.proxy.hold(after: (4 << 20) + 1000)
    let id = try ann.start(title)
    try ann.wait(id, "what was let through") { ($0.downloaded_bytes?.int ?? 0) >= (4 << 20) - (2 * 256 << 10) }
    #expect(try box.terminate() == .exited(0))
    box.proxy.release()
    try box.start()
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
    #expect(box.proxy.traffic <= title.size + 2 * (256 << 10), "only what was in flight twice: \(box.proxy.traffic)")
  }

  @Test("asked to end, it takes no one new and finishes the answer that it is sending")
  func drains() throws {
    let box = try Box()
    let ann = try box.user("ann")
    let title = Title(size: 16 << 20)
    try box.origin.put(title)
    let id = try ann.fetch(title)
    let viewer = try Connection(port: box.port)
    viewer.readSlowly()
    try viewer.send(request("GET", "/api/downloads/\(id)/play", headers: ann.authorization))
    let head = try viewer.receiveHead()
    #expect(head.status == 200)
    var body = try viewer.receive(count: 1000)
    box.program?.signal(SIGTERM)
    try eventually("no new connections") { (try? Connection(port: box.port)) == nil ? true : nil }
    #expect(box.program?.poll() == nil, "it waits for the viewer")
    body = body + (try viewer.receive(count: title.size - 1000))
    #expect(body == title.bytes)
    #expect(try viewer.isClosed())
    #expect(try box.program?.wait() == .exited(0))
  }

  @Test("killed when everything is done, it holds what it held, in figures and bytes")
  func killedAtRest() throws {
    let box = try Box(["quota": ["default": "\"20MiB\""]])
    let ann = try box.user("ann")
    let bob = try box.user("bob")
    let title = Title(size: 2 << 20)
    let other = Title(size: 1 << 20)
    try box.origin.put(title)
    try box.origin.put(other)
    let hers = try ann.fetch(title)
    let his = try bob.fetch(title)
    let gone = try bob.fetch(other)
    try bob.expect(200, "DELETE", "/api/downloads/\(gone)/delete")
    let link = try ann.expect(200, "POST", "/api/downloads/\(hers)/play-url").url?.text
    try box.kill()
    // Without the origin too: what the box holds needs nobody else.
    box.proxy.goDown()
    try box.start()
    #expect(try ann.storage() == .of(20 << 20, used: title.size, reserved: 0))
    #expect(try bob.storage() == .of(20 << 20, used: title.size, reserved: 0))
    #expect(try ann.play(hers).body == title.bytes)
    #expect(try bob.play(his).body == title.bytes)
    #expect(try bob.play(gone).status == 404, "deletes stick")
    #expect(try box.ask("GET", try #require(link)).body == title.bytes, "the link survives a restart")
    let cat = try box.user("cat")
    let offline = try cat.tryStart(title)
    #expect(offline.status == 201)
    #expect(offline.json?.status?.text == "completed", "held whole, and the origin cannot be reached")
  }
}
