// Who may do what: tokens, roles, links, and other people's downloads.

import Foundation
import Glibc
import Testing

@LaneC @Suite("Access") struct AccessTests {
  /// Signs a token as only the tests do it: by Python's own HMAC, with any claims and any algorithm in its head.
  private func sign(_ claims: String, algorithm: String = "HS256", keyFile: String) throws -> String {
    let script = """
      import base64, hashlib, hmac, sys
      b = lambda x: base64.urlsafe_b64encode(x).rstrip(b'=')
      text = b(('{"alg":"%s","typ":"JWT"}' % sys.argv[2]).encode()) + b'.' + b(sys.argv[1].encode())
      key = open(sys.argv[3], 'rb').read().removesuffix(b'\\n')
      tag = b'' if sys.argv[2] == 'none' else b(hmac.new(key, text, hashlib.sha256).digest())
      print((text + b'.' + tag).decode())
      """
    let result = try Program.run(
      Paths.testEnvironment("python3"), ["-c", script, claims, algorithm, keyFile])
    guard result.ending == .exited(0) else { throw RigFailure(result.errors) }
    return result.output.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  private func makeKey(_ byte: UInt8 = 65) throws -> String {
    let file = Scratch.shared.path("key")
    try Data([UInt8](repeating: byte, count: 40) + [10]).write(to: URL(fileURLWithPath: file))
    return file
  }

  @Test("a token is taken when it is good, and otherwise refused with the reason that fits")
  func tokens() throws {
    let key = try makeKey()
    let otherKey = try makeKey(66)
    let box = try Box(["auth": ["secret_file": "\"\(key)\"", "issuer": "\"platform\"", "audience": "\"boxes\""]])
    let now = Int(Date().timeIntervalSince1970)
    let usual = #""iss":"platform","aud":"boxes","sub":"ann""#
    let good = #"{\#(usual),"exp":\#(now + 600),"role":"premium"}"#
    let table: [(claims: String, algorithm: String, key: String, status: Int, code: String?)] = [
      (good, "HS256", key, 200, nil),
      (#"{\#(usual),"exp":\#(now + 600),"roles":["viewer","premium"]}"#, "HS256", key, 200, nil),
      (#"{\#(usual),"exp":\#(now + 600),"role":"admin"}"#, "HS256", key, 200, nil),
      (
        #"{"iss":"platform","aud":["x","boxes"],"sub":"ann","exp":\#(now + 600),"role":"premium"}"#, "HS256", key, 200,
        nil
      ),
      (#"{\#(usual),"exp":\#(now + 600),"role":"viewer"}"#, "HS256", key, 403, "premium_required"),
      (#"{\#(usual),"exp":\#(now + 600)}"#, "HS256", key, 403, "premium_required"),
      (#"{\#(usual),"exp":\#(now - 600),"role":"premium"}"#, "HS256", key, 401, "unauthorized"),
      (#"{\#(usual),"exp":\#(now + 900),"nbf":\#(now + 600),"role":"premium"}"#, "HS256", key, 401, "unauthorized"),
      (#"{\#(usual),"role":"premium"}"#, "HS256", key, 401, "unauthorized"),
      (#"{"iss":"platform","aud":"boxes","exp":\#(now + 600),"role":"premium"}"#, "HS256", key, 401, "unauthorized"),
      (
        #"{"iss":"other","aud":"boxes","sub":"ann","exp":\#(now + 600),"role":"premium"}"#, "HS256", key, 401,
        "unauthorized"
      ),
      (
        #"{"iss":"platform","aud":"cars","sub":"ann","exp":\#(now + 600),"role":"premium"}"#, "HS256", key, 401,
        "unauthorized"
      ),
      (good, "HS256", otherKey, 401, "unauthorized"),
      (good, "none", key, 401, "unauthorized"),
      (good, "HS512", key, 401, "unauthorized"),
      ("[]", "HS256", key, 401, "unauthorized"),
    ]
    for row in table {
      let token = try sign(row.claims, algorithm: row.algorithm, keyFile: row.key)
      let answer = try box.ask("GET", "/api/downloads", headers: ["Authorization": "Bearer \(token)"])
      #expect(answer.status == row.status, "\(row.claims) \(row.algorithm): \(answer)")
      #expect(answer.code == row.code, "\(row.claims)")
      if row.status == 401 {
        #expect(answer["WWW-Authenticate"]?.hasPrefix("Bearer") == true)
        #expect(answer["WWW-Authenticate"]?.contains("error=\"invalid_token\"") == true, "\(answer)")
      }
    }
  }

  @Test(
    "without a token, or with something that is none, each endpoint answers 401 and names the scheme",
    arguments: [
      "GET /api/downloads", "POST /api/downloads/start", "GET /api/downloads/storage", "GET /api/downloads/events",
      "GET /api/downloads/01J9ZK3V5Q7XW8Y2R4T6B8N0MC", "GET /api/downloads/01J9ZK3V5Q7XW8Y2R4T6B8N0MC/play",
      "DELETE /api/downloads/01J9ZK3V5Q7XW8Y2R4T6B8N0MC", "POST /api/downloads/cleanup/all", "GET /api/catalog",
    ])
  func noToken(line: String) throws {
    let words = line.split(separator: " ").map(String.init)
    let box = try Self.box.get()
    for header in [
      nil, "Bearer", "Bearer x", "Bearer a.b.c", "Basic YTpi", "Bearer \(String(repeating: "A", count: 3000))",
    ] {
      let headers = header.map { ["Authorization": $0] } ?? [:]
      let answer = try box.ask(words[0], words[1], headers: headers)
      #expect(answer.status == 401, "\(header ?? "no header"): \(answer)")
      #expect(answer.code == "unauthorized")
      #expect(answer["WWW-Authenticate"]?.hasPrefix("Bearer") == true)
    }
  }

  /// One box for all that changes nothing.
  private static let box = Result { try Box() }

  @Test("health needs no token")
  func open() throws {
    let box = try Self.box.get()
    #expect(try box.ask("GET", "/healthz").status == 200)
    let ready = try box.ask("GET", "/readyz")
    #expect(ready.status == 200)
    #expect(ready.json != nil)
  }

  @Test("another user's download looks exactly like one that does not exist")
  func others() throws {
    let box = try Box()
    let ann = try box.user("ann")
    let bob = try box.user("bob")
    let admin = try box.user("root", roles: ["admin"])
    let title = Title(size: 1000)
    try box.origin.put(title)
    let id = try ann.fetch(title)
    let nobodys = "01J9ZK3V5Q7XW8Y2R4T6B8N0MC"
    let operations = [
      ("GET", ""), ("GET", "/progress"), ("GET", "/play"), ("HEAD", "/play"), ("POST", "/play-url"), ("POST", "/pause"),
      ("POST", "/resume"), ("POST", "/retry"), ("PUT", "/pin"), ("DELETE", "/pin"), ("DELETE", ""),
      ("DELETE", "/delete"),
    ]
    for (method, path) in operations {
      for user in [bob, admin] {
        let hers = try user.ask(method, "/api/downloads/\(id)\(path)")
        let none = try user.ask(method, "/api/downloads/\(nobodys)\(path)")
        #expect(hers.status == 404, "\(method) \(path): \(hers)")
        #expect(none.status == 404, "\(method) \(path): \(none)")
        let (one, other) = (hers.body.text, none.body.text)
        #expect(one.replacingOccurrences(of: id, with: nobodys) == other, "\(method) \(path)")
      }
    }
    #expect(try ann.play(id).body == title.bytes)
    for odd in ["x", "..", "%2e%2e", "01J9ZK3V5Q7XW8Y2R4T6B8N0M", "01j9zk3v5q7xw8y2r4t6b8n0mc%00"] {
      #expect(try ann.ask("GET", "/api/downloads/\(odd)/play").status == 404, "\(odd)")
    }
  }

  @Test("two users whose ids only look alike are two users")
  func lookalikes() throws {
    let box = try Box()
    // The same letter to a reader, composed and decomposed.
    let rene = try box.user("ren\u{E9}")
    let other = try box.user("rene\u{301}")
    let title = Title(size: 1000)
    try box.origin.put(title)
    let id = try rene.fetch(title)
    #expect(try rene.play(id).status == 200)
    try other.expect(200, "GET", "/api/downloads")
    // Title and token are both known by now.
    #expect(try other.play(id).status == 404)
  }

  @Test("a link opens its one title for its one user until it expires, and opens nothing else")
  func links() throws {
    let box = try Box()
    let ann = try box.user("ann")
    let titles = [Title(size: 5000), Title(size: 5000)]
    for title in titles { try box.origin.put(title) }
    let ids = try titles.map { try ann.fetch($0) }
    let made = try ann.expect(200, "POST", "/api/downloads/\(ids[0])/play-url", body: #"{"ttl_seconds":3600}"#)
    let link = try #require(made.url?.text)
    #expect(link.hasPrefix("/api/downloads/\(ids[0])/play?token="))
    #expect(made.expires_at?.text != nil)
    #expect(!link.contains(ann.token))
    #expect(try box.ask("GET", link).body == titles[0].bytes)
    #expect(try box.ask("GET", link, headers: ["Range": "bytes=10-19"]).body == titles[0].bytes[10..<20])
    #expect(try box.ask("HEAD", link).status == 200)

    let token = try #require(link.split(separator: "=").last.map(String.init))
    #expect(try box.ask("GET", "/api/downloads/\(ids[1])/play?token=\(token)").status == 401)
    #expect(try box.ask("GET", "/api/downloads/\(ids[0])?token=\(token)").status == 401)
    #expect(try box.ask("DELETE", "/api/downloads/\(ids[0])/delete?token=\(token)").status == 401)
    #expect(try box.ask("GET", "/api/downloads", headers: ["Authorization": "Bearer \(token)"]).status == 401)
    #expect(try box.ask("GET", "/api/downloads/\(ids[0])/play?token=\(ann.token)").status == 401, "no bearer in a URL")
    for index in [0, token.count / 2, token.count - 2] {
      var bytes = Array(token.utf8)
      bytes[index] = bytes[index] == 65 ? 66 : 65
      let forged = String(decoding: bytes, as: UTF8.self)
      #expect(try box.ask("GET", "/api/downloads/\(ids[0])/play?token=\(forged)").status == 401, "\(index)")
    }

    for body in [#"{"ttl_seconds":0}"#, #"{"ttl_seconds":604801}"#, #"{"ttl_seconds":"1h"}"#, #"{"ttl_seconds":1.5}"#] {
      #expect(try ann.ask("POST", "/api/downloads/\(ids[0])/play-url", body: body).status == 400, "\(body)")
    }
    let asked = Date()
    // To JSON that is the same number as 60.
    try ann.expect(200, "POST", "/api/downloads/\(ids[0])/play-url", body: #"{"ttl_seconds":60.0}"#)
    let short = try ann.expect(200, "POST", "/api/downloads/\(ids[0])/play-url", body: #"{"ttl_seconds":1}"#)
    let brief = short.url?.text
    let expiry = try Date.ISO8601FormatStyle(includingFractionalSeconds: true).parse(short.expires_at?.text ?? "")
    // A thousandth is lost in writing it down.
    #expect(expiry.timeIntervalSince(asked) > 0.998, "the whole second that was asked for")
    try eventually("the link's end") { try box.ask("GET", brief ?? "").status == 401 ? true : nil }
    #expect(try box.ask("GET", link).status == 200)
    try ann.expect(200, "DELETE", "/api/downloads/\(ids[0])/delete")
    #expect(try box.ask("GET", link).status == 404)
  }

  @Test("no token and no link ever reaches the log")
  func silence() throws {
    let box = try Box(["log": ["level": "\"trace\""]])
    let ann = try box.user("ann")
    let title = Title(size: 1000)
    try box.origin.put(title)
    let id = try ann.fetch(title)
    let link = try #require(try ann.expect(200, "POST", "/api/downloads/\(id)/play-url").url?.text)
    #expect(try box.ask("GET", link).status == 200)
    #expect(try box.ask("GET", "/api/downloads/\(id)/play?token=\(ann.token)").status == 401)
    #expect(try box.terminate() == .exited(0))
    let errors = try #require(box.program?.errors)
    #expect(!errors.isEmpty)
    for secret in [ann.token, link, SeaweedFS.secretKey, String(link.split(separator: "=").last ?? "")] {
      #expect(!errors.contains(secret))
    }
  }
}
