// An origin behind TLS: trusted, it fills as any other, faults and all; else it is as good as not there.

import Foundation
import Glibc
import Testing

@LaneD @Suite("An origin behind TLS") struct OriginTLSTests {
  private static let certificate = Result { try Certificate("IP:127.0.0.1", "DNS:localhost") }

  @Test("a certificate that ca_file names is trusted, and a title comes over TLS, cuts and all")
  func trusted() throws {
    let certificate = try Self.certificate.get()
    let box = try Box(["origin": ["ca_file": "\"\(certificate.file)\""]])
    let front = try TLSFront(certificate, upstream: box.proxy.port)
    for host in ["127.0.0.1", "localhost"] {
      try box.change(["origin": ["endpoint": "\"https://\(host):\(front.port)\""]])
      box.reload()
      let ann = try box.user("ann")
      let title = Title(size: 3 << 20)
      try box.origin.put(title)
      // The relay ends the connection without a word of TLS: that must not pass for the end of the answer.
      box.proxy.fault(Fault(action: .cut(after: 100_000, reset: host == "localhost"), times: 4) { $0.method == "GET" })
      let answer = try eventually("a start over TLS", explain: box.report) {
        let answer = try ann.tryStart(title)
        return answer.json?.total_bytes?.int == title.size ? answer : nil
      }
      let id = try #require(answer.json?.id?.text)
      try ann.wait(id, for: "completed")
      #expect(try ann.play(id).body == title.bytes)
    }
    #expect(box.proxy.requests.contains { $0.method == "GET" })
  }

  private enum Distrust: String, CaseIterable, CustomTestStringConvertible {
    case selfSigned = "a certificate that nobody vouches for"
    case wrongHost = "a certificate of another host"
    case wrongAuthority = "a ca_file that vouches for another"
    var testDescription: String { rawValue }
  }

  @Test("an origin that cannot prove who it is gets no request, and is waited for", arguments: Distrust.allCases)
  private func distrusted(distrust: Distrust) throws {
    let certificate = try Self.certificate.get()
    let shown = try distrust == .wrongHost ? Certificate("DNS:other.example") : certificate
    let named: String =
      switch distrust {
      case .selfSigned: ""
      case .wrongHost: shown.file
      case .wrongAuthority: try Certificate("IP:127.0.0.1").file
      }
    let box = try Box(["origin": ["ca_file": "\"\(named)\""]])
    let front = try TLSFront(shown, upstream: box.proxy.port)
    try box.change(["origin": ["endpoint": "\"https://127.0.0.1:\(front.port)\""]])
    box.reload()
    let ann = try box.user("ann")
    let title = Title(size: 300_000)
    try box.logged("the reload") { $0.message?.text?.contains("configuration reloaded") == true }
    try box.origin.put(title)
    let answer = try ann.tryStart(title)
    #expect(answer.status == 201 && answer.json?.total_bytes == .null, "\(answer)")
    let id = try #require(answer.json?.id?.text)
    let waiting = try ann.wait(id, forError: "origin_unreachable")
    #expect(waiting.error?.message?.text?.lowercased().contains("certificate") == true, "\(waiting)")
    #expect(box.proxy.requests.isEmpty)

    // Trusted after all, it goes on by itself.
    let trusted = try distrust == .wrongHost ? TLSFront(certificate, upstream: box.proxy.port) : front
    try box.change([
      "origin": ["ca_file": "\"\(certificate.file)\"", "endpoint": "\"https://127.0.0.1:\(trusted.port)\""]
    ])
    box.reload()
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
  }

  @Test("an origin that speaks no TLS where it should is waited for")
  func plain() throws {
    let certificate = try Self.certificate.get()
    let box = try Box(["origin": ["ca_file": "\"\(certificate.file)\""]])
    try box.change(["origin": ["endpoint": "\"https://127.0.0.1:\(box.proxy.port)\""]])
    box.reload()
    try box.logged("the reload") { $0.message?.text?.contains("configuration reloaded") == true }
    let ann = try box.user("ann")
    let title = Title(size: 1000)
    try box.origin.put(title)
    let id = try #require(try ann.tryStart(title).json?.id?.text)
    try ann.wait(id, forError: "origin_unreachable")
    try box.change(["origin": ["endpoint": "\"http://127.0.0.1:\(box.proxy.port)\""]])
    box.reload()
    try ann.wait(id, for: "completed")
    #expect(try ann.play(id).body == title.bytes)
  }

  @Test("a reload takes up what ca_file has now, and trusts no more what it had before")
  func renewed() throws {
    let (old, new) = try (Certificate("IP:127.0.0.1"), Certificate("IP:127.0.0.1"))
    let box = try Box(starts: false)
    let trusted = box.directory + "/authority.pem"
    let ann = try box.user("ann")
    func trust(_ certificate: Certificate, _ front: TLSFront) throws {
      try String(contentsOfFile: certificate.file, encoding: .utf8)
        .write(toFile: trusted, atomically: true, encoding: .utf8)
      try box.change(["origin": ["ca_file": "\"\(trusted)\"", "endpoint": "\"https://127.0.0.1:\(front.port)\""]])
    }
    func reload() throws {
      let reloads = { box.log.count { $0.event?.text == "configuration.reloaded" } }
      let before = reloads()
      box.reload()
      try eventually("the reload", explain: box.report) { reloads() > before ? true : nil }
    }
    var front = try TLSFront(old, upstream: box.proxy.port)
    try trust(old, front)
    try box.start()
    for certificate in [nil, new] {
      if let certificate {
        front = try TLSFront(certificate, upstream: box.proxy.port)
        try trust(certificate, front)
        try reload()
      }
      let title = Title(size: 300_000)
      try box.origin.put(title)
      #expect(try ann.play(ann.fetch(title)).body == title.bytes)
    }

    // The origin shows the old one again, for which the file vouches no more.
    front = try TLSFront(old, upstream: box.proxy.port)
    try box.change(["origin": ["endpoint": "\"https://127.0.0.1:\(front.port)\""]])
    try reload()
    let title = Title(size: 300_000)
    try box.origin.put(title)
    let asked = box.proxy.requests.count
    let id = try #require(try ann.tryStart(title).json?.id?.text)
    let waiting = try ann.wait(id, forError: "origin_unreachable")
    #expect(waiting.error?.message?.text?.lowercased().contains("certificate") == true, "\(waiting)")
    #expect(box.proxy.requests.count == asked)
    try trust(old, front)
    try reload()
    try ann.wait(id, for: "completed")
  }
}
