// Endpoints: good settings and the URLs they make, bad settings and what the error says.

import Testing

@testable import S3

@Suite("Endpoint")
struct EndpointTests {
  @Test(
    "Settings make a URL and a Host",
    arguments: [
      ("https://s3.us-east-1.amazonaws.com", .path, "https://s3.us-east-1.amazonaws.com/films/a/b.mp4"),
      ("https://s3.us-east-1.amazonaws.com/", .virtual, "https://films.s3.us-east-1.amazonaws.com/a/b.mp4"),
      ("https://host:443", .path, "https://host/films/a/b.mp4"),
      ("http://host:443", .path, "http://host:443/films/a/b.mp4"),
      ("http://host:80/", .path, "http://host/films/a/b.mp4"),
      ("https://host:80", .virtual, "https://films.host:80/a/b.mp4"),
      ("HTTP://LocalHost:9000", .path, "http://localhost:9000/films/a/b.mp4"),
      ("http://127.0.0.1:8333", .path, "http://127.0.0.1:8333/films/a/b.mp4"),
      ("http://[::1]:9000", .path, "http://[::1]:9000/films/a/b.mp4"),
      ("https://[2001:db8::1]", .path, "https://[2001:db8::1]/films/a/b.mp4"),
      ("http://[::ffff:10.0.0.1]:80", .path, "http://[::ffff:10.0.0.1]/films/a/b.mp4"),
      ("http://[1:2:3:4:5:6:7:8]", .path, "http://[1:2:3:4:5:6:7:8]/films/a/b.mp4"),
      ("http://my_store.lan", .path, "http://my_store.lan/films/a/b.mp4"),
    ] as [(String, Addressing, String)])
  func good(endpoint: String, addressing: Addressing, url: String) throws {
    let endpoint = try Endpoint(endpoint, region: "us-east-1", bucket: "films", addressing: addressing)
    #expect(endpoint.url(forKey: Array("a/b.mp4".utf8)) == url)
    let rest = url.dropFirst(endpoint.isSecure ? 8 : 7)
    #expect(endpoint.authority == rest.prefix { $0 != "/" })
  }

  @Test("Keys are encoded strictly and never normalised")
  func keys() throws {
    let endpoint = try Endpoint("http://h", region: "r", bucket: "b", addressing: .path)
    let table: [(String, String)] = [
      ("a b", "a%20b"), ("a+b", "a%2Bb"), ("100%", "100%25"), ("%2F", "%252F"), ("?#&=", "%3F%23%26%3D"),
      ("/lead", "/lead"), ("//", "//"), ("../x/./..", "../x/./.."), ("-._~", "-._~"), ("é", "%C3%A9"),
      ("!*'()", "%21%2A%27%28%29"), ("\u{0}\n", "%00%0A"),
    ]
    for (key, path) in table { #expect(endpoint.url(forKey: Array(key.utf8)) == "http://h/b/" + path) }
    for byte in UInt8.min...UInt8.max {
      let path = endpoint.encodedPath(forKey: [byte])
      #expect(PercentEncoding.decode(path.dropFirst(3)) == [byte])
      #expect(path.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"?#\"<>\\^`{|}".utf8.contains($0) })
    }
  }

  @Test(
    "Wrong settings say what is wrong",
    arguments: [
      ("", "does not start with"), ("s3.amazonaws.com", "does not start with"), ("ftp://h", "does not start with"),
      ("https:/h", "does not start with"), ("https://", "no valid host"), ("https:///", "no valid host"),
      ("https://h/path", "path or a query"), ("https://h?x", "path or a query"), ("https://h#x", "path or a query"),
      ("https://h//", "path or a query"), ("https://h:0", "no port"), ("https://h:65536", "no port"),
      ("https://h:", "no port"), ("https://h:8x", "no port"), ("https://h:000080", "no port"),
      ("https://h:-1", "no port"), ("https://::1", "stands in [ ]"), ("https://[::1", "without closing"),
      ("https://[]", "no IPv6"), ("https://[1:2]", "no IPv6"), ("https://[::1::]", "no IPv6"),
      ("https://[:::]", "no IPv6"), ("https://[fe80::1%eth0]", "no IPv6"), ("https://[1:2:3:4:5:6:7:8:9]", "no IPv6"),
      ("https://[::1.2.3]", "no IPv6"), ("https://[12345::]", "no IPv6"), ("https://[::1]x", "no port"),
      ("https://ho st", "no valid host"), ("https://-h", "no valid host"), ("https://h..x", "no valid host"),
      ("https://hö.de", "no valid host"), ("https://h\r\nX: y", "no valid host"),
      ("https://user:hunter2@h", "credentials belong"),
    ] as [(String, String)])
  func bad(endpoint: String, part: String) {
    let error = #expect(throws: EndpointError.self) {
      try Endpoint(endpoint, region: "us-east-1", bucket: "films", addressing: .path)
    }
    #expect(error?.description.contains(part) ?? false, "\(String(describing: error))")
    #expect(!(error?.description.contains("hunter2") ?? true))
  }

  @Test("Buckets and regions that cannot stand in a request are refused")
  func names() throws {
    let good: [(String, String, Addressing)] = [
      ("r", "My_Bucket.1", .path), ("r", "abc", .virtual), ("us-east-1", String(repeating: "a", count: 63), .virtual),
    ]
    for (region, bucket, addressing) in good {
      _ = try Endpoint("https://h.example", region: region, bucket: bucket, addressing: addressing)
    }
    _ = try Endpoint("http://h.example", region: "r", bucket: "a.b.c", addressing: .virtual)
    let bad: [(String, String, String, Addressing)] = [
      ("https://h", "", "films", .path), ("https://h", "us east", "films", .path), ("https://h", "a/b", "films", .path),
      ("https://h", "r", "", .path), ("https://h", "r", "a/b", .path), ("https://h", "r", "..", .path),
      ("https://h", "r", "a b", .path), ("https://h", "r", "ab", .virtual), ("https://h", "r", "Films", .virtual),
      ("https://h", "r", "a_b", .virtual), ("https://h", "r", "-ab", .virtual), ("https://h", "r", "a.b", .virtual),
      ("https://h", "r", String(repeating: "a", count: 64), .virtual), ("http://h", "r", "a..b", .virtual),
      ("http://127.0.0.1", "r", "films", .virtual), ("http://[::1]", "r", "films", .virtual),
    ]
    for (endpoint, region, bucket, addressing) in bad {
      #expect(throws: EndpointError.self, "\(endpoint) \(region) \(bucket) \(addressing)") {
        try Endpoint(endpoint, region: region, bucket: bucket, addressing: addressing)
      }
    }
  }
}
