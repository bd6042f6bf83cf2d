// Error bodies: real ones, broken ones, and bytes that are none.

import Testing

@testable import S3

@Suite("S3 error bodies")
struct S3ErrorBodyTests {
  static func parse(_ bytes: [UInt8]) -> S3ErrorBody {
    unsafe bytes.withUnsafeBytes { unsafe S3ErrorBody(parsing: $0) }
  }

  static func parse(_ text: String) -> S3ErrorBody { parse(Array(text.utf8)) }

  @Test("Code, message and region are found")
  func real() {
    let body = Self.parse(
      """
      <?xml version="1.0" encoding="UTF-8"?>
      <Error><Code>AuthorizationHeaderMalformed</Code><Message>The region 'us-east-1' is wrong; expecting \
      'eu-west-1'</Message><Region>eu-west-1</Region><RequestId>4442587FB7D0A2F9</RequestId></Error>
      """)
    #expect(body.code == "AuthorizationHeaderMalformed")
    #expect(body.message == "The region 'us-east-1' is wrong; expecting 'eu-west-1'")
    #expect(body.region == "eu-west-1")
    #expect(body.endpoint == nil)
  }

  @Test("An endpoint is a host and perhaps a port, and nothing else")
  func endpoints() {
    for good in ["b.s3.eu-west-1.amazonaws.com", "10.0.0.1:9000", "host"] {
      #expect(Self.parse("<Error><Endpoint>\(good)</Endpoint></Error>").endpoint == good)
    }
    for bad in ["", "http://host", "a@b", "a/b", "a b", "[::1]", String(repeating: "a", count: 301)] {
      #expect(Self.parse("<Error><Endpoint>\(bad)</Endpoint></Error>").endpoint == nil, "\(bad)")
    }
  }

  @Test("Odd bodies give what can be had")
  func odd() {
    let table: [(String, String?, String?)] = [
      ("", nil, nil), ("<Code>", nil, nil), ("<Code></Code>", nil, nil), ("<Code>A", nil, nil), ("<Code>A<", nil, nil),
      ("<Code>A</Co", nil, nil),
      ("<Code>A<b/></Code>", nil, nil), ("<Code>A</Code", "A", nil),
      ("<Code>A</Code><Code>B</Code>", "A", nil), ("<code>A</code>", nil, nil), ("<Code>two words</Code>", nil, nil),
      ("<Code>A\r\nSet-Cookie: x</Code>", nil, nil),
      ("<Message>a&lt;b&gt;&amp;&quot;&apos;</Message>", nil, "a<b>&\"'"),
      ("<Message>&#65;&#x42;&#x1F3AC;</Message>", nil, "AB🎬"), ("<Message>&amp;lt;</Message>", nil, "&lt;"),
      ("<Message>&nope; &# &#x; &#xD800; &#x110000; & &;</Message>", nil, "&nope; &# &#x; &#xD800; &#x110000; & &;"),
      ("<Message>a\u{0}b\nc&#10;d\u{7F}e</Message>", nil, "a b c d e"), ("<Message>  \t </Message>", nil, nil),
      ("<Code> A </Code>", "A", nil), ("<Cod<Code>A</Code>", "A", nil),
    ]
    for (text, code, message) in table {
      let body = Self.parse(text)
      #expect(body.code == code, "\(text)")
      #expect(body.message == message, "\(text)")
    }
  }

  @Test("Nothing is longer than it may be, and nothing after 4 KiB is read")
  func bounds() {
    let long = String(repeating: "é", count: 1500)
    #expect(Self.parse("<Message>\(long)</Message>").message == String(repeating: "é", count: 256))
    #expect(Self.parse("<Code>\(String(repeating: "A", count: 128))</Code>").code?.utf8.count == 128)
    #expect(Self.parse("<Code>\(String(repeating: "A", count: 129))</Code>").code == nil)
    let spaces = String(repeating: " ", count: 4096 - 13)
    #expect(Self.parse(spaces + "<Code>A</Code>").code == "A")
    #expect(Self.parse(spaces + "      <Code>A</Code>").code == nil)
  }

  @Test("Any bytes are survived")
  func anyBytes() {
    let scraps = ["<Code>", "</Code>", "<Message>", "<", ">", "&", "&#", "&#x", ";", "&amp;", "A", "9", "\u{0}", "é"]
    var generator = Seeded(14)
    for _ in 0..<500 {
      var bytes: [UInt8] = []
      for _ in 0..<Int.random(in: 0...40, using: &generator) {
        bytes +=
          Bool.random(using: &generator)
          ? Array((scraps.randomElement(using: &generator) ?? "").utf8) : generator.bytes(2)
      }
      let body = Self.parse(bytes)
      #expect((body.code?.utf8.count ?? 0) <= 128 && (body.message?.utf8.count ?? 0) <= 512)
      #expect(body.message?.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control } ?? true)
    }
  }
}
