// The catalogue: the platform's list of titles, with what it means for this box and this user.

import Foundation
import Glibc
import Testing

@LaneC @Suite("The catalogue") struct CatalogueTests {
  @Test("is served with what is held and what fits, names the keys, and its last good copy serves offline")
  func catalogue() throws {
    let film = Title(size: 100_000)
    let big = Title(size: 10)
    let catalogKey = "catalog-\(film.contentID).json"
    let key = "odd place/\(film.contentID) +ä.mkv"
    let document = """
      {"titles":[
        {"content_id":"\(film.contentID)","title":"A film","description":"Ö","duration_seconds":5400,"poster_key":null,
         "series":null,"episode":null,"qualities":{"720p":{"key":"\(key)","size":100000}}},
        {"content_id":"\(big.contentID)","title":"Too big","description":"","duration_seconds":1,"poster_key":null,
         "series":"S","episode":3,"qualities":{"2160p":{"key":"none","size":300000}}}]}
      """
    let box = try Box(
      [
        "origin": ["catalog_key": "\"\(catalogKey)\""], "quota": ["default": "200000"],
        "catalog": ["refresh": "\"1s\""],
      ], starts: false)
    try box.origin.put(film.bytes, key: key)
    try box.origin.put(Bytes(Array(document.utf8)), key: catalogKey)
    try box.start()
    let ann = try box.user("ann")

    func titles() throws -> [JSON] { try ann.expect(200, "GET", "/api/catalog").titles?.array ?? [] }
    let before = try eventually("the catalogue", explain: box.report) {
      let found = try titles()
      return found.isEmpty ? nil : found
    }
    #expect(before.map(\.title?.text) == ["A film", "Too big"])
    #expect(before[0]["description"]?.text == "Ö")
    #expect(before[0].duration_seconds?.int == 5400)
    #expect(before[1].episode?.int == 3)
    #expect(before[0].qualities?["720p"]?.held?.bool == false)
    #expect(before[0].qualities?["720p"]?.fits?.bool == true)
    #expect(before[1].qualities?["2160p"]?.fits?.bool == false)

    // The key that is named goes before the template, and gives the file its extension.
    let done = try ann.download(try ann.fetch(film))
    #expect(done.s3_key?.text == key)
    #expect(done.file_path?.text == "downloads/users/ann/\(film.contentID)_720p.mkv")
    #expect(try ann.play(done.id?.text ?? "").body == film.bytes)
    #expect(try titles()[0].qualities?["720p"]?.held?.bool == true)

    // A broken one at the origin and then no origin at all: the last good copy serves, also after a restart.
    try box.origin.put(Bytes(Array("{\"titles\":".utf8)), key: catalogKey)
    let asked = box.proxy.requests.count
    try eventually("another look at the catalogue") { box.proxy.requests.count > asked + 1 ? true : nil }
    #expect(try titles().count == 2)
    try box.kill()
    box.proxy.goDown()
    try box.start()
    #expect(try titles().map(\.title?.text) == ["A film", "Too big"])
  }

  private static let catalogKey = "catalog.json"

  /// A box whose catalogue of one title is at a scripted origin.
  private func scripted(_ changes: Settings) throws -> Scripted {
    let scripted = try Scripted(
      ["origin": ["catalog_key": "\"\(Self.catalogKey)\""]].merging(changes) { $0.merging($1) { $1 } }, starts: false)
    let document = Array("{\"titles\":[{\"content_id\":\"film\",\"qualities\":{}}]}".utf8)
    scripted.origin.put(
      FakeObject(size: document.count, etag: "\"catalog\"") { Array(document[$0]) }, key: Self.catalogKey)
    return scripted
  }

  private func waitForTitles(_ scripted: Scripted) throws {
    let ann = try scripted.box.user("ann")
    try eventually("the catalogue", explain: scripted.box.report) {
      try ann.expect(200, "GET", "/api/catalog").titles?.array?.count == 1 ? true : nil
    }
  }

  @Test("is read every refresh, however often the configuration is read in between")
  func reloads() throws {
    let scripted = try scripted(["catalog": ["refresh": "\"2s\""]])
    try scripted.box.start()
    try waitForTitles(scripted)
    let asked = { scripted.origin.requests.count { $0.key == Self.catalogKey } }
    let before = asked()
    try eventually("two more looks at the catalogue", explain: scripted.box.report) {
      scripted.box.reload()
      usleep(500_000)
      return asked() >= before + 2 ? true : nil
    }
  }

  @Test("that could not be read is read by a reload that mends what was in the way, whatever the refresh")
  func mended() throws {
    let scripted = try scripted([
      "catalog": ["refresh": "\"1h\""], "downloads": ["retry_initial": "\"1d\"", "retry_max": "\"1d\""],
    ])
    scripted.origin.script { request, _ in .s3(403, "InvalidAccessKeyId") }
    try scripted.box.start()
    try scripted.box.logged(event: "catalogue.unread")
    scripted.origin.script(nil)
    try scripted.write(secretKey: "another/secret")
    try scripted.reload()
    try waitForTitles(scripted)
  }

  @Test("that could not be read is asked for again before the refresh, which is told once")
  func retried() throws {
    let scripted = try scripted(["catalog": ["refresh": "\"1h\""]])
    scripted.origin.script { request, _ in .s3(503, "SlowDown") }
    try scripted.box.start()
    try eventually("some looks at the catalogue", explain: scripted.box.report) {
      scripted.origin.requests.count { $0.key == Self.catalogKey } >= 3 ? true : nil
    }
    scripted.origin.script(nil)
    try waitForTitles(scripted)
    let told = scripted.box.log.filter { $0.event?.text == "catalogue.unread" }
    #expect(told.count { $0.level?.text == "warning" } == 1, "\(told)")
  }
}
