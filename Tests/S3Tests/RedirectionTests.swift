// Redirections: one table of where a configured endpoint may be left for, and where not.

import Testing

@testable import S3

@Suite("Redirections")
struct RedirectionTests {
  static let key = Array("a b/720p.mp4".utf8)

  static func endpoint(_ text: String, _ addressing: Addressing = .path) throws -> Endpoint {
    try Endpoint(text, region: "us-east-1", bucket: "films", addressing: addressing)
  }

  static func follow(
    _ configured: String, region: String? = nil, location: String? = nil, endpoint: String? = nil,
    _ addressing: Addressing = .path
  ) throws -> String? {
    let home = try Self.endpoint(configured, addressing)
    let redirection = Redirection(region: region, location: location, endpoint: endpoint)
    guard let place = try? home.following(redirection, forKey: key) else { return nil }
    return place.url(forKey: Array("k".utf8)) + " " + place.region
  }

  @Test("A region alone goes into the host where the old one stands, and else only into the signature")
  func regions() throws {
    let table: [(String, String, String)] = [
      ("https://s3.us-east-1.amazonaws.com", "eu-west-1", "https://s3.eu-west-1.amazonaws.com/films/k eu-west-1"),
      ("https://s3-us-east-1.amazonaws.com", "eu-west-1", "https://s3-eu-west-1.amazonaws.com/films/k eu-west-1"),
      ("https://s3.amazonaws.com", "eu-west-1", "https://s3.eu-west-1.amazonaws.com/films/k eu-west-1"),
      (
        "https://s3.dualstack.us-east-1.amazonaws.com", "eu-west-1",
        "https://s3.dualstack.eu-west-1.amazonaws.com/films/k eu-west-1"
      ),
      ("https://us-east-1.store.example:9000", "eu", "https://eu.store.example:9000/films/k eu"),
      ("http://127.0.0.1:9000", "eu-west-1", "http://127.0.0.1:9000/films/k eu-west-1"),
      ("http://minio.lan:9000", "here", "http://minio.lan:9000/films/k here"),
      ("http://s3.lan", "here", "http://s3.lan/films/k here"),
      // The region would become a whole domain, and that of a stranger.
      ("https://us-east-1.example", "evil", "https://us-east-1.example/films/k evil"),
      ("https://x.us-east-1.com", "evil", "https://x.us-east-1.com/films/k evil"),
    ]
    for (configured, region, place) in table {
      #expect(try Self.follow(configured, region: region) == place, "\(configured) \(region)")
    }
    #expect(
      try Self.follow("https://s3.us-east-1.amazonaws.com", region: "eu-west-1", .virtual)
        == "https://films.s3.eu-west-1.amazonaws.com/k eu-west-1")
    for region in ["", "a.b", "evil.example/", "a b", String(repeating: "a", count: 65)] {
      #expect(try Self.follow("https://s3.us-east-1.amazonaws.com", region: region) == nil, "\(region)")
    }
  }

  @Test("A host is followed when the configured one could have named it")
  func hosts() throws {
    let home = "https://s3.us-east-1.amazonaws.com"
    let good: [(region: String?, location: String, place: String)] = [
      (nil, "https://films.s3.eu-west-1.amazonaws.com/a%20b/720p.mp4", "https://s3.eu-west-1.amazonaws.com"),
      ("eu-west-1", "https://s3-eu-west-1.amazonaws.com/films/a%20b/720p.mp4", "https://s3-eu-west-1.amazonaws.com"),
      (nil, "https://s3-eu-west-1.amazonaws.com/films/a%20b/720p.mp4", "https://s3-eu-west-1.amazonaws.com"),
      (
        nil, "HTTPS://s3.dualstack.eu-west-1.amazonaws.com:443/films/a%20b/720p.mp4?partNumber=1",
        "https://s3.dualstack.eu-west-1.amazonaws.com"
      ),
      ("eu-west-1", "/films/a%20b/720p.mp4", "https://s3.eu-west-1.amazonaws.com"),
    ]
    for (region, location, place) in good {
      #expect(try Self.follow(home, region: region, location: location) == place + "/films/k eu-west-1", "\(location)")
    }
    #expect(
      try Self.follow("http://store.example", location: "https://store.example/films/a%20b/720p.mp4")
        == "https://store.example/films/k us-east-1")
    #expect(
      try Self.follow(home, endpoint: "films.s3-eu-west-1.amazonaws.com")
        == "https://s3-eu-west-1.amazonaws.com/films/k eu-west-1")
  }

  @Test("Nothing else is followed, and the reason names what would mend it")
  func strangers() throws {
    let path = "/films/a%20b/720p.mp4"
    let table: [(String, String?, String)] = [
      ("https://s3.us-east-1.amazonaws.com", nil, "https://evil.example" + path),
      ("https://s3.us-east-1.amazonaws.com", "eu-west-1", "https://evil.example" + path),
      ("https://s3.us-east-1.amazonaws.com", nil, "http://s3.eu-west-1.amazonaws.com" + path),
      ("https://s3.us-east-1.amazonaws.com", nil, "http://s3.us-east-1.amazonaws.com" + path),
      ("https://s3.us-east-1.amazonaws.com", nil, "https://s3.eu-west-1.amazonaws.com:8443" + path),
      ("https://s3.us-east-1.amazonaws.com", nil, "https://s3.eu-west-1.amazonaws.com/films/other.mp4"),
      ("https://s3.us-east-1.amazonaws.com", nil, "https://s3.eu-west-1.amazonaws.com/"),
      ("https://s3.us-east-1.amazonaws.com", nil, "/login?next=" + path),
      ("https://s3.us-east-1.amazonaws.com", nil, "https://other.s3.eu-west-1.amazonaws.com" + path),
      ("https://s3.us-east-1.amazonaws.com", nil, "https://ec2-10-0-0-1.compute-1.amazonaws.com" + path),
      ("https://s3.us-east-1.amazonaws.com", nil, "https://films.evil.example" + path),
      ("https://s3.us-east-1.amazonaws.com", nil, "https://s3.eu-west-1.amazonaws.com.evil.example" + path),
      ("https://s3.us-east-1.amazonaws.com", nil, "https://s3.us-east-1.amazonaws.com@evil.example" + path),
      ("https://s3.us-east-1.amazonaws.com", "ap-south-1", "https://s3.eu-west-1.amazonaws.com" + path),
      ("http://127.0.0.1:9000", nil, "http://127.0.0.2:9000" + path),
      ("http://127.0.0.1:9000", nil, "http://127.0.0.1:9001" + path),
      ("http://127.0.0.1:9000", nil, "ftp://127.0.0.1:9000" + path), ("http://s3.lan", nil, "http://s3.wan" + path),
      ("http://us-east-1.example", nil, "http://evil.example" + path), ("http://h.example", nil, "not an address"),
    ]
    for (configured, region, location) in table {
      let home = try Self.endpoint(configured)
      let error = #expect(throws: EndpointError.self, "\(configured) \(location)") {
        try home.following(Redirection(region: region, location: location), forKey: Self.key)
      }
      #expect(error?.description.contains("configure origin.endpoint") == true)
      #expect(error?.description.contains("next=") == false, "a query may hold a secret")
    }
    #expect(try Self.follow("https://s3.us-east-1.amazonaws.com", endpoint: "evil.example") == nil)
    #expect(try Self.follow("https://s3.us-east-1.amazonaws.com", endpoint: "evil.example:99999") == nil)
  }

  @Test("Whatever a redirection says, the place is the configured host or below its domain, and never less safe")
  func random() throws {
    var generator = Seeded(31)
    let homes = ["https://s3.us-east-1.amazonaws.com", "http://us-east-1.store.example", "https://s3.amazonaws.com"]
    let words = [
      "s3", "films", "us-east-1", "eu-west-1", "evil", "example", "amazonaws", "com", "store", "s3-evil", "@", ":",
    ]
    for _ in 0..<20_000 {
      let home = try Self.endpoint(homes.randomElement(using: &generator) ?? "")
      let host = (0..<Int.random(in: 1...5, using: &generator)).map { _ in
        words.randomElement(using: &generator) ?? ""
      }.joined(separator: ".")
      let scheme = Bool.random(using: &generator) ? "https" : "http"
      let region = Bool.random(using: &generator) ? nil : words.randomElement(using: &generator)
      let redirection = Redirection(region: region, location: "\(scheme)://\(host)/films/a%20b/720p.mp4")
      guard let place = try? home.following(redirection, forKey: Self.key) else { continue }
      let domain = home.authority.split(separator: ".").suffix(2).joined(separator: ".")
      #expect(place.authority.hasSuffix("." + domain), "\(home.authority) \(redirection)")
      #expect(place.isSecure || !home.isSecure)
      #expect(place.bucket == home.bucket)
    }
  }
}
