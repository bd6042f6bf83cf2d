// The page's buttons, in a real browser against the built program: each does what it says, and asks first where it must.

import Foundation
import Testing

@LaneC @Suite("The page's buttons") struct PageOperationTests {
  @Test("does what its buttons say, once for each press, and asks before what cannot be undone")
  func operations() throws {
    let (box, film) = try Box.withFilm()
    let ann = try box.user("ann")
    try eventually("the catalogue") {
      try ann.expect(200, "GET", "/api/catalog").titles?.array?.count == 1 ? true : nil
    }
    box.proxy.fault(Fault(action: .rate(128 << 10)))
    let browser = try Browser()
    try browser.signIn(ann)
    try browser.click("Get more")
    try browser.wait("the catalogue", "return document.querySelector('[data-content]') !== null;")
    _ = try browser.requests()
    // An impatient finger.
    try browser.run(
      """
      const get = document.querySelector('[aria-label="Get The grey square in 720p"]');
      for (let press = 0; press < 5; press += 1) get.click();
      """)
    try browser.click("Show The grey square")
    let status = "return document.querySelector('.card[data-id]')?.dataset.status === wanted;"
    try browser.wait("the film to come in", status, ["wanted": "downloading"])
    #expect(try browser.requests().filter { $0.hasSuffix("/api/downloads/start") }.count == 1)
    let id = try #require(try ann.expect(200, "GET", "/api/downloads").downloads?.array?.first?.id?.text)

    // It plays while it comes in.
    try browser.click("Play The grey square")
    try browser.wait("the picture to run", "return document.getElementById('video').currentTime > 0.5;")
    #expect(try ann.download(id).status?.text == "downloading")
    try browser.wait(
      "how far it is", "return document.getElementById('player-note').textContent.startsWith('Still coming in');")
    try browser.press(.escape)

    try browser.click("Pause The grey square")
    try browser.wait("a paused film", status, ["wanted": "paused"])
    #expect(try ann.download(id).status?.text == "paused")
    try browser.click("Pin The grey square")
    try browser.wait("a pressed pin", "return document.querySelector('.card [aria-pressed=true]') !== null;")
    #expect(try ann.download(id).pinned?.bool == true)
    try browser.click("Resume The grey square")
    try browser.wait("the film to go on", status, ["wanted": "downloading"])
    try browser.click("Pin The grey square")
    try browser.wait("a loose pin", "return document.querySelector('.card [aria-pressed=false]') !== null;")
    #expect(try ann.download(id).pinned?.bool == false)

    // What fails says why, and can be tried again.
    box.proxy.fault(Fault(action: Fault.s3(404, "NoSuchKey")))
    try browser.wait("the failure", status, ["wanted": "failed"])
    #expect(try browser.text().contains("The source has no such film"))
    box.proxy.fault(nil)
    try browser.click("Try The grey square again")
    try browser.wait("the film in place", status, ["wanted": "completed"])
    #expect(try ann.play(id).body == film.bytes)

    // How much room there is, and who would have to go.
    #expect(try browser.text().contains("Your space"))
    try browser.click("Delete everything")
    try browser.wait("the question", "return document.getElementById('confirm').open;")
    try browser.click("Keep it all")
    #expect(try ann.storage().used == film.size)
    try browser.click("Delete everything")
    try browser.run("document.getElementById('confirm-yes').click();")
    try browser.wait("an empty shelf", "return document.querySelector('.empty').offsetParent !== null;")
    #expect(try ann.storage().used == 0)
  }

  @Test("says who would have to go for a film that needs room, and lets them stay")
  func makingRoom() throws {
    let films = [Title(size: 300_000), Title(size: 200_000)]
    let catalogKey = "catalog-\(films[0].contentID).json"
    let box = try Box(
      [
        "origin": ["catalog_key": "\"\(catalogKey)\""], "quota": ["default": "400000", "playing_grace": "\"0s\""],
      ], starts: false)
    let entries = films.map {
      "{\"content_id\":\"\($0.contentID)\",\"qualities\":{\"720p\":{\"key\":\"\($0.key)\",\"size\":\($0.size)}}}"
    }
    for film in films { try box.origin.put(film) }
    try box.origin.put(Bytes(Array("{\"titles\":[\(entries.joined(separator: ","))]}".utf8)), key: catalogKey)
    try box.start()
    let ann = try box.user("ann")
    let first = try ann.fetch(films[0])
    let browser = try Browser()
    try browser.signIn(ann)
    try browser.wait(
      "who goes first", "return document.getElementById('next-to-go')?.textContent.includes(name);",
      ["name": films[0].contentID])
    try browser.click("Get more")
    try browser.click("Get \(films[1].contentID)")
    let question =
      "const dialog = document.getElementById('confirm'); return dialog.open && dialog.innerText.includes(name);"
    try browser.wait("the question", question, ["name": "\(films[0].contentID) (720p"])
    try browser.click("Leave it")
    #expect(try ann.download(first).deleted_at == .null)
    #expect(try ann.expect(200, "GET", "/api/downloads").downloads?.array?.count == 1)
    try browser.click("Get \(films[1].contentID)")
    try browser.wait("the question", question, ["name": films[0].contentID])
    try browser.click("Get it")
    try eventually("the other film in place") { try ann.storage().used == films[1].size ? true : nil }
    #expect(try ann.download(first).error?.code?.text == "evicted")
  }

  @Test("is light or dark as one likes, and stays so")
  func themes() throws {
    let box = try Box()
    let ann = try box.user("ann")
    let browser = try Browser()
    try browser.signIn(ann)
    func ground() throws -> String {
      try browser.run("return getComputedStyle(document.body).backgroundColor;").text ?? ""
    }
    #expect(try ground() == "rgb(245, 243, 238)")
    try browser.click("Appearance: automatic")
    #expect(try ground() == "rgb(245, 243, 238)")
    try browser.click("Appearance: light")
    #expect(try ground() == "rgb(19, 21, 18)")
    try browser.open("\(box.address)/")
    try browser.wait("the user's films", "return !document.querySelector('.space').hidden;")
    #expect(try ground() == "rgb(19, 21, 18)")
    #expect(try browser.run("return document.documentElement.scrollWidth <= innerWidth;").bool == true)
  }
}
