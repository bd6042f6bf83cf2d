// What people read of the box: it fits the screen whatever there is, and no name takes the terminal over.

import HTTP
import Testing

@testable import larder

@Suite struct TopScreenTests {
  /// A document with so many fills and viewers.
  private func status(fills: Int, viewers: Int) throws -> JSONValue {
    func fill(_ number: Int) -> String {
      """
      {"content_id":"a title with a rather long name, number \(number)","quality":"720p","status":"downloading",
       "progress":\(number % 100).5,"downloaded_bytes":5,"total_bytes":\(number * 1_000_000_007),
       "bytes_per_second":9437184,"eta_seconds":\(number * 997),"error":null,"users":["ann","bob\\u001b[2J"]}
      """
    }
    func viewer(_ number: Int) -> String {
      """
      {"user":"user-\(number)","download":"x","content_id":"片","quality":"720p","bytes_per_second":1,
       "position_bytes":5,"total_bytes":0,"since":"2026-11-30T09:35:12.000Z"}
      """
    }
    let text = """
      {"version":"1.2.3","running":true,"started_at":"2026-11-30T09:35:12.000Z","listen":["[::]:4000"],
       "origin":{"endpoint":"https://s3.example","bucket":"b","reachable":false,"since":null,
        "error":{"code":"origin_unreachable","message":"no route\\nto it"}},
       "storage":{"path":"/x","capacity_bytes":null,"used_bytes":5,"free_bytes":null,"discarded_bytes":7},
       "downloads":{"pending":3},"users":2,"connections":4,
       "fills":[\((0..<fills).map(fill).joined(separator: ","))],
       "viewers":[\((0..<viewers).map(viewer).joined(separator: ","))],"scrub":{"bytes_per_second":0}}
      """
    return try JSONReader.read(Array(text.utf8))
  }

  private let users = ["ann", "bob", "cyd"].enumerated().map { index, name in
    JSONValue.object([
      .init("user", .string(name)), .init("used_bytes", .integer(Int64(index) * 10)),
      .init("reserved_bytes", .integer(0)),
      .init("limit_bytes", index == 0 ? .null : .integer(20)), .init("limit_from", .string("default")),
    ])
  }

  @Test(arguments: [(80, 24), (40, 12), (200, 60), (10, 5), (1, 1), (80, 11), (132, 3)])
  func itFitsEveryScreen(_ columns: Int, _ rows: Int) throws {
    for (fills, viewers) in [(0, 0), (1, 0), (0, 3), (40, 40), (7, 2)] {
      var scene = TopScreen.Scene(status: try status(fills: fills, viewers: viewers), users: users)
      for trouble in [nil, "larder\u{7}\ndoes not answer"] {
        scene.trouble = trouble
        let lines = TopScreen(scene).lines(width: columns, height: rows)
        #expect(lines.count <= rows && lines.allSatisfy { $0.count <= columns }, "\(lines)")
        #expect(lines.allSatisfy { $0.unicodeScalars.allSatisfy { $0.value >= 0x20 } }, "\(lines)")
        #expect(lines[0].hasPrefix("larder".prefix(columns - 1)))
      }
    }
  }

  @Test func whereThereIsRoomEverythingStands() throws {
    let scene = TopScreen.Scene(status: try status(fills: 3, viewers: 2), users: users)
    let lines = TopScreen(scene).lines(width: 80, height: 60)
    #expect(lines.count { $0.contains("a title") } == 3 && lines.count { $0.contains("user-") } == 2)
    let order = lines.filter { line in ["ann ", "bob ", "cyd "].contains { line.hasPrefix($0) } }.map { $0.prefix(3) }
    #expect(order == ["cyd", "bob", "ann"], "who is nearest to the limit first")
    #expect(
      lines.contains { $0.contains("7 B to be removed") } && lines.contains { $0.contains("no route\u{FFFD}to it") })
    #expect(lines.last == "q quits")
    let crowd = TopScreen.Scene(status: try status(fills: 50, viewers: 50), users: users)
    let crowded = TopScreen(crowd).lines(width: 80, height: 40)
    #expect(crowded.count { $0.contains(/… and \d+ more/) } == 2 && crowded.count == 40)
    #expect(TopScreen(crowd).lines(width: nil, height: nil).count { $0.contains("a title") } == 50)
  }

  @Test func roomIsSharedAndNoneIsLeftWhereSomebodyCouldUseIt() {
    for room in 0..<60 {
      for wanted in [[3], [3, 3, 3], [30, 4, 5], [4, 30, 30], [50, 50, 50], []] {
        let shares = TopScreen.shares(wanted, of: room)
        #expect(shares.count == wanted.count && shares.reduce(0, +) <= room)
        #expect(zip(shares, wanted).allSatisfy { $0 == 0 || (3...$1).contains($0) }, "\(shares) of \(room)")
        #expect(wanted.isEmpty || room < 3 || shares[0] > 0)
        let served = zip(shares, wanted).filter { $0.0 > 0 }
        #expect(shares.reduce(0, +) == room || served.allSatisfy { $0.0 == $0.1 }, "\(shares) of \(room)")
      }
    }
  }

  @Test func columnsAreAlignedAndTheWidestGivesWay() {
    var table = TextTable([.init("NAME", shrinks: true), .init("SIZE", isNumber: true), .init("WHAT", shrinks: true)])
    table.add(["a", "1 B", "short"])
    table.add(["a rather long name", "12 kB", ""])
    #expect(
      table.lines(width: nil) == [
        "NAME                 SIZE  WHAT", "a                     1 B  short", "a rather long name  12 kB",
      ])
    #expect(
      table.lines(width: 26) == ["NAME           SIZE  WHAT", "a               1 B  short", "a rather lo…  12 kB"])
    table.add(["\u{1B}[2Jx\u{202E}", "", ""])
    #expect(table.lines(width: nil).last?.hasPrefix("\u{FFFD}[2Jx\u{FFFD}") == true)
  }

  @Test func spansAndMomentsInWords() {
    for (seconds, words) in [
      (-1, "0 s"), (0, "0 s"), (59, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h 0 min"),
      (86_399, "23 h 59 min"),
      (90_000, "1 d 1 h"),
    ] { #expect(PlainText.span(seconds: seconds) == words) }
    #expect(PlainText.moment("2026-11-30T09:35:12.123Z") == "2026-11-30 09:35:12" && PlainText.moment(nil) == "-")
  }
}
