import Loop
import Testing

@testable import Curl

/// What a reader made of some lines: one text for each event but `goOn`.
private func events(_ text: String, limit: Int = 10_000) -> [String] {
  var reader = HeadReader(limit: limit)
  var events: [String] = []
  var line: [UInt8] = []
  for byte in text.utf8 {
    line.append(byte)
    guard byte == 10 else { continue }
    switch reader.received(line: line) {
    case .goOn: break
    case .head(let head):
      events.append("\(head.status) " + head.headers.map { "\($0.name)=\($0.value)" }.joined(separator: ","))
    case .tooLarge: events.append("too large")
    }
    line = []
  }
  return events
}

@Suite struct ValueTests {
  @Test(arguments: [
    ("HTTP/1.1 200 OK\r\n\r\n", ["200 "]), ("HTTP/1.1 200\r\n\r\n", ["200 "]), ("HTTP/1.1 abc\r\n\r\n", ["0 "]),
    ("HTTP/1.1\r\n\r\n", ["0 "]), ("HTTP/1.0 404 Not Found\nA: b\n\n", ["404 a=b"]),
    ("HTTP/1.1 200 OK\r\nA:b\r\nAB-C: \t d e\t \r\nEmpty:\r\n\r\n", ["200 a=b,ab-c=d e,empty="]),
    ("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\td\r\n\r\n", ["200 a=b c d"]),
    ("HTTP/1.1 200 OK\r\nno colon\r\nA: b:c\r\n\r\n", ["200 a=b:c"]),
    ("HTTP/1.1 100 Continue\r\nA: 1\r\n\r\nHTTP/1.1 206 X\r\nB: 2\r\n\r\n", ["206 b=2"]),
    ("HTTP/1.1 200 OK\r\nA: 1\r\n\r\nTrailer: x\r\n\r\n", ["200 a=1"]), ("HTTP/1.1 200 OK\r\nA: 1\r\n", []),
    ("A: 1\r\n\r\n", []), ("\r\n", []),
  ])
  func headsAreRead(_ text: String, _ expected: [String]) {
    #expect(events(text) == expected)
  }

  @Test func theLimitIsOfAllLinesTogether() {
    let text = "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\n\r\n"
    #expect(events(text, limit: text.utf8.count) == ["200 a=b"])
    #expect(events(text, limit: text.utf8.count - 1) == ["too large"])
  }

  @Test func fourSlowQuartersInARowAreAStall() {
    // A quarter of 1 s: 1024 bytes are enough, 1023 are not.
    func stalls(_ quarters: [Int]) -> [Bool] {
      var watch = StallWatch(timeout: .seconds(4))
      return quarters.map { bytes in
        watch.received(bytes)
        return watch.quarterPassed()
      }
    }
    #expect(stalls([0, 0, 0, 0, 0]) == [false, false, false, true, true])
    #expect(stalls([1023, 1023, 1023, 1023]) == [false, false, false, true])
    #expect(stalls([1023, 1023, 1023, 1024, 0, 0, 0, 0]) == [false, false, false, false, false, false, false, true])
    #expect(stalls([5000, 0, 0, 0, 0]) == [false, false, false, false, true])
    var watch = StallWatch(timeout: .milliseconds(400))
    #expect(watch.quarter == .milliseconds(100))
    var answers = (0..<3).map { _ in watch.quarterPassed() }
    watch.startAnew()
    answers.append(watch.quarterPassed())
    #expect(answers == [false, false, false, false])
    // 100 ms of 1 KiB/s are 102.4 bytes.
    for bytes in [102, 103] {
      watch.startAnew()
      let answers = (0..<4).map { _ in
        watch.received(bytes)
        return watch.quarterPassed()
      }
      #expect(answers == [false, false, false, bytes == 102])
    }
  }

  @Test func signaturesStayOutOfErrors() {
    let options = TransferOptions(method: .head, url: "https://host/path?X-Amz-Signature=secret")
    #expect(options.operation == "HEAD https://host/path")
    #expect(
      CurlError(.cut, operation: options.operation, text: "gone", code: 18).description
        == "HEAD https://host/path: gone (curl 18)")
  }
}
