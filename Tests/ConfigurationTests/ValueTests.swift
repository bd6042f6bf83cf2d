// Addresses, endpoints and key templates: what they take, what they refuse, what they come to.

import Testing

@testable import Configuration

@Suite struct ValueTests {
  @Test(arguments: [
    ("0.0.0.0:4000", "0.0.0.0:4000", false), ("127.0.0.1:0", "127.0.0.1:0", false),
    ("255.255.255.255:65535", "255.255.255.255:65535", false), ("[::]:4000", "[::]:4000", true),
    ("[FE80:0:0::1]:80", "[fe80::1]:80", true), ("[::ffff:10.0.0.1]:1", "[::ffff:10.0.0.1]:1", true),
    ("10.0.0.1:00080", "10.0.0.1:80", false),
  ])
  func addresses(text: String, canonical: String, isIPv6: Bool) throws {
    let address = try #require(ListenAddress(text))
    #expect(address.description == canonical)
    #expect(address.isIPv6 == isIPv6)
    #expect(ListenAddress(canonical) == address)
  }

  @Test(arguments: [
    "", ":", "4000", ":4000", "0.0.0.0", "0.0.0.0:", "0.0.0.0:65536", "0.0.0.0:-1", "0.0.0.0:+1", "0.0.0.0:4000 ",
    " 0.0.0.0:4000", "256.0.0.1:1", "1.2.3:4", "01.2.3.4:5", "::1:4000", "[::1]", "[::1]4000", "[:::]:1", "[1.2.3.4]:1",
    "localhost:4000", "[fe80::1%eth0]:1", "http://0.0.0.0:4000", "0.0.0.0:000080", "[]:1", "٠.0.0.0:1",
  ])
  func noAddresses(text: String) {
    #expect(ListenAddress(text) == nil)
  }

  @Test(arguments: [
    ("https://s3.us-east-1.amazonaws.com", "https://s3.us-east-1.amazonaws.com", 443, false),
    ("HTTP://Minio:9000", "http://minio:9000", 9000, false), ("http://10.0.0.5", "http://10.0.0.5", 80, true),
    ("http://[::1]:8333", "http://[::1]:8333", 8333, true),
    ("https://[2001:DB8::1]", "https://[2001:db8::1]", 443, true),
    ("http://seaweed_s3:8333", "http://seaweed_s3:8333", 8333, false),
  ])
  func endpoints(text: String, canonical: String, port: UInt16, isAddress: Bool) throws {
    let endpoint = try #require(Endpoint(text))
    #expect(endpoint.description == canonical)
    #expect(endpoint.effectivePort == port)
    #expect(endpoint.isAddress == isAddress)
    #expect(endpoint.scheme + "://" + endpoint.authority == canonical)
    #expect(Endpoint(canonical) == endpoint)
  }

  @Test(arguments: [
    "", "s3.amazonaws.com", "ftp://h", "https://", "https://h/", "https://h/bucket", "https://h?x", "https://h#x",
    "https://h:0", "https://h:65536", "https://h:", "https://h:80:80", "https://user@h", "https://user:secret@h",
    "https://a..b", "https://-a", "https://a b", "https://[::1", "https://[::1]x", "https://[nonsense]",
    "https://h\u{E9}",
    "https://::1", "https://" + String(repeating: "a", count: 64), " https://h",
  ])
  func noEndpoints(text: String) throws {
    #expect(Endpoint(text) == nil)
    let errors = #expect(throws: ConfigurationErrors.self) {
      try Configuration.parse(text: "origin.endpoint = \(tomlString(text))", file: "f")
    }
    // What is wrong is told without telling a password.
    #expect(errors?.description.contains("secret") == false)
  }

  @Test func templates() throws {
    let template = try #require(KeyTemplate("v/{content_id}/{quality}-{content_id}.mp4"))
    #expect(
      template.key(contentID: "a/{quality}", quality: "{content_id}") == "v/a/{quality}/{content_id}-a/{quality}.mp4")
    #expect(KeyTemplate("{content_id}")?.key(contentID: "x", quality: "720p") == "x")
    #expect(KeyTemplate("/\u{301}{content_id}\u{200D}")?.key(contentID: "x", quality: "") == "/\u{301}x\u{200D}")
    #expect(KeyTemplate("{content_id}é")?.key(contentID: "ü", quality: "") == "üé")
  }

  @Test(arguments: [
    "", "x", "{quality}.mp4", "{content_id", "content_id}", "{{content_id}}", "{content_id}{}", "{content_id}}",
    "{content_id}/{Quality}", "{content_id}{size}", "{content_id}\n",
    "{content_id}" + String(repeating: "x", count: 1024),
  ])
  func noTemplates(text: String) {
    #expect(KeyTemplate(text) == nil)
  }

  @Test(arguments: [
    ("chunk-size", "chunk_size"), ("chunksize", "chunk_size"), ("Chunk_Size", "chunk_size"),
    ("cnuhk_size", "chunk_size"),
    ("max_rates", "max_rate"), ("act", "active"), ("retry_maximum", "retry_max"), ("zebra", nil), ("", nil),
    (String(repeating: "chunk_size", count: 100), nil),
  ])
  func suggestions(typed: String, meant: String?) {
    let names = Setting.all.filter { $0.section == "downloads" }.map(\.name)
    #expect(nearest(to: typed, among: names) == meant)
  }

  @Test(arguments: [("", "", 0), ("abc", "abc", 0), ("abc", "acb", 1), ("abc", "", 3), ("kitten", "sitting", 3)])
  func distances(a: String, b: String, distance: Int) {
    #expect(editDistance(Array(a.utf8), Array(b.utf8)) == distance)
    #expect(editDistance(Array(b.utf8), Array(a.utf8)) == distance)
  }

  @Test func masks() {
    #expect(Configuration.mask("AKIAIOSFODNN7EXAMPLE") == "AKIA…")
    #expect(Configuration.mask("short") == "…")
    #expect(Configuration.mask("") == "…")
  }
}
