// What the page does with answers that come late: after their view was left, their user has gone, or another one has come.

import Foundation
import Testing

@LaneC @Suite("The page's sessions") struct PageSessionTests {
  /// Keeps back answers to addresses with `holding` in them, in `held`; `asked` is what was asked and by whom, `looks` how
  /// often the next look at the box was put off to its time.
  private func tap(_ browser: Browser) throws {
    try browser.run(
      """
      Object.assign(window, { holding: null, held: [], asked: [], looks: 0, direct: window.fetch.bind(window) });
      window.fetch = async (path, options) => {
        asked.push([path, options.headers.Authorization]);
        const answer = await direct(path, options);
        if (!holding || !path.includes(holding)) return answer;
        const text = await answer.text();
        await new Promise(resolve => held.push(resolve));
        return new Response(text, { status: answer.status });
      };
      const later = window.setTimeout;
      window.setTimeout = (action, wait, ...rest) => {
        if (wait === 2000) looks += 1;
        return later(action, wait, ...rest);
      };
      """)
  }

  private func waitForHeld(_ count: Int, in browser: Browser) throws {
    try browser.wait("\(count) answers kept back", "return held.length === Number(count);", ["count": "\(count)"])
  }

  /// Lets go what is kept back, and gives whoever waits for it the time of some questions to go on.
  private func release(_ browser: Browser) throws {
    try browser.run(
      """
      holding = null;
      for (const go of held.splice(0)) go();
      for (let question = 0; question < 10; question += 1) await (await direct('/healthz')).text();
      """)
  }

  private func signOut(_ browser: Browser) throws {
    try browser.click("Sign out")
    try browser.wait("the door", "return document.getElementById('sign-in').offsetParent !== null;")
  }

  /// Signs in without loading the page anew.
  private func enter(_ user: User, _ browser: Browser) throws {
    try browser.run(
      "document.getElementById('token').value = token; document.querySelector('#sign-in-form button').click();",
      ["token": user.token])
    try browser.wait(
      "the films of \(user.name)",
      "return document.getElementById('user').textContent === name && document.querySelector('.space').hidden === false;",
      ["name": user.name])
  }

  @Test("looks at the box once at a time, however often that view is left and come back to")
  func oneLook() throws {
    let box = try Box()
    let browser = try Browser()
    try browser.signIn(try box.user("root", roles: ["admin"]))
    try tap(browser)
    try browser.run("holding = '/api/admin/status';")
    for look in 1...3 {
      try browser.click("The box")
      try waitForHeld(look, in: browser)
      try browser.click("My films")
      try browser.wait("the films", "return document.getElementById('view-downloads').offsetParent !== null;")
    }
    try browser.click("The box")
    try waitForHeld(4, in: browser)
    try release(browser)
    try browser.run("holding = '/api/admin/status';")
    try browser.wait("the next look", "return held.length > 0;")
    #expect(try browser.run("return looks;").int == 1)
    #expect(try browser.text().contains("Version"))
  }

  @Test("asks nothing without a token, and leaves in peace who is signing in")
  func leftBehind() throws {
    let box = try Box()
    let browser = try Browser()
    try browser.signIn(try box.user("root", roles: ["admin"]))
    try tap(browser)
    try browser.run("holding = '/api/admin/status';")
    try browser.click("The box")
    try waitForHeld(1, in: browser)
    try signOut(browser)
    try browser.run("document.getElementById('token').value = 'half a tok';")
    try release(browser)
    #expect(try browser.run("return document.getElementById('token').value;").text == "half a tok")
    #expect(try browser.run("return document.getElementById('sign-in-reason').hidden;").bool == true)
    #expect(try browser.run("return document.getElementById('box-content').children.length;").int == 0)
    let anonymous = try browser.run("return asked.filter(([, owner]) => !/^Bearer .*[.].*[.]/.test(owner)).join();")
    #expect(anonymous.text == "")
  }

  @Test("shows nobody what somebody else has asked for")
  func otherCatalogue() throws {
    let films = [Title(size: 300_000), Title(size: 200_000)]
    let catalogKey = "catalog-\(films[0].contentID).json"
    let box = try Box(
      ["origin": ["catalog_key": "\"\(catalogKey)\""], "quota": ["default": "400000"]], starts: false)
    let entries = films.map {
      "{\"content_id\":\"\($0.contentID)\",\"qualities\":{\"720p\":{\"key\":\"\($0.key)\",\"size\":\($0.size)}}}"
    }
    for film in films { try box.origin.put(film) }
    try box.origin.put(Bytes(Array("{\"titles\":[\(entries.joined(separator: ","))]}".utf8)), key: catalogKey)
    try box.start()
    let (ann, bob) = (try box.user("ann"), try box.user("bob"))
    _ = try ann.fetch(films[0])
    try eventually("the catalogue") {
      try ann.expect(200, "GET", "/api/catalog").titles?.array?.count == 2 ? true : nil
    }
    let browser = try Browser()
    try browser.signIn(ann)
    try browser.click("Get more")
    let needsRoom = "return document.getElementById('catalogue-content').innerText.includes('needs room');"
    try browser.wait("ann's catalogue, in which one film does not fit", needsRoom)
    try tap(browser)
    try browser.click("My films")
    try browser.run("holding = '/api/catalog';")
    try browser.click("Get more")
    try waitForHeld(1, in: browser)
    try signOut(browser)
    #expect(try browser.run("return document.querySelectorAll('.card').length;").int == 0)
    try browser.run("holding = null;")
    try enter(bob, browser)
    try browser.wait("bob's catalogue", "return document.querySelectorAll('[data-content]').length === 2;")
    try release(browser)
    #expect(try browser.run(needsRoom).bool == false)
    #expect(try browser.run("return document.getElementById('notices').childElementCount;").int == 0)
  }

  @Test("keeps where a film stopped for its viewer, also when that one signs out in the midst of it")
  func places() throws {
    let (box, film) = try Box.withFilm()
    let (viewer, other) = (try box.user("a.b"), try box.user("a"))
    try eventually("the catalogue") {
      try viewer.expect(200, "GET", "/api/catalog").titles?.array?.count == 1 ? true : nil
    }
    let id = try viewer.fetch(film)
    let browser = try Browser()
    try browser.signIn(viewer)
    try browser.click("Play The grey square")
    try browser.wait("the picture to run", "return document.getElementById('video').currentTime > 0.5;")
    try browser.press(.right, times: 2)
    try browser.wait(
      "a later place",
      "const video = document.getElementById('video'); return video.currentTime > 20 && !video.seeking;")
    try signOut(browser)
    let kept = "return Object.keys(localStorage).filter(key => key.includes('.place.')).join();"
    #expect(try browser.run(kept).text == "larder.place.a.b/\(id)")
    #expect(try browser.run("return document.getElementById('video').hasAttribute('src');").bool == false)
    // Who has no films has no places, and none of somebody else's to forget.
    try enter(other, browser)
    try browser.wait("an empty shelf", "return document.querySelector('.empty').offsetParent !== null;")
    #expect(try browser.run(kept).text == "larder.place.a.b/\(id)")
    try signOut(browser)
    try enter(viewer, browser)
    try browser.wait(
      "the place", "return document.querySelector('.card .state')?.textContent.startsWith('Stopped at');")
  }
}
