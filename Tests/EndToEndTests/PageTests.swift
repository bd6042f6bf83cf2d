// The page, in a real browser against the built program: what a person on a sofa does with it, and what it must never do.

import Foundation
import Testing

@LaneC @Suite("The page") struct PageTests {
  @Test("signs in by a link, gets a title, shows it come in, plays, seeks, goes on where it stopped, and deletes")
  func theMainJob() throws {
    let (box, film) = try Box.withFilm()
    let ann = try box.user("ann")
    try eventually("the catalogue") {
      try ann.expect(200, "GET", "/api/catalog").titles?.array?.count == 1 ? true : nil
    }
    box.proxy.fault(Fault(action: .rate(512 << 10)))
    let browser = try Browser()
    try browser.signIn(ann)
    // The token is in the tab's session and nowhere else.
    let left = try browser.run(
      "return { address: location.href, cookie: document.cookie, kept: JSON.stringify(localStorage), session: sessionStorage.length };"
    )
    #expect(left.address?.text == "\(box.address)/")
    #expect(left.cookie?.text == "" && left.session?.int == 1)
    #expect(left.kept?.text?.contains(ann.token) == false)

    // From the catalogue to the films, with a press each.
    try browser.click("Get more")
    try browser.click("Get The grey square in 720p")
    try browser.click("My films")
    try browser.wait(
      "a first step of progress", "return document.querySelector('.card[data-status=downloading] progress')?.value > 0;"
    )
    let first = try browser.run("return document.querySelector('.card progress').value;").double ?? 100
    try browser.wait(
      "a further step",
      "const bar = document.querySelector('.card[data-status=downloading] progress'); return !!bar && bar.value > Number(first);",
      ["first": "\(first)"])
    #expect(try browser.text().contains("The grey square"))
    box.proxy.fault(nil)
    try browser.wait(
      "the film in place", "return document.querySelector('.card h3')?.closest('[data-status=completed]') != null;")
    let id = try #require(try browser.run("return document.querySelector('.card[data-id]').dataset.id;").text)
    #expect(try ann.download(id).status?.text == "completed")

    // It plays, and where it seeks the picture is the one of that time.
    try browser.click("Play The grey square")
    try browser.wait("the picture to run", "return document.getElementById('video').currentTime > 1;")
    let before =
      try browser.run("const video = document.getElementById('video'); video.pause(); return video.currentTime;").double
      ?? 0
    try browser.press(.right, times: 3)
    let shown = try browser.run(
      """
      const video = document.getElementById('video');
      while (video.seeking || video.readyState < 2) await new Promise(resolve => setTimeout(resolve, 20));
      const canvas = document.createElement('canvas');
      canvas.width = canvas.height = 16;
      const context = canvas.getContext('2d');
      context.drawImage(video, 16, 16, 16, 16, 0, 0, 16, 16);
      return { at: video.currentTime, brightness: context.getImageData(8, 8, 1, 1).data[1] };
      """)
    let place = try #require(shown.at?.double)
    #expect(abs(place - before - 30) < 1, "three times ten seconds from \(before)")
    #expect(abs((shown.brightness?.double ?? -1) - Film.brightness(at: place)) < 5, "\(shown)")

    // Closed and opened again, it goes on there.
    try browser.press(.escape)
    try browser.wait("the player to close", "return !document.getElementById('player').open;")
    #expect(try browser.text().contains("Stopped at 0:3"))
    try browser.click("Go on with The grey square")
    try browser.wait(
      "the same place", "return document.getElementById('video').currentTime > Number(place) - 1;",
      ["place": "\(place)"])
    try browser.press(.escape)

    // Deleting asks first, and no means no.
    try browser.click("Delete The grey square")
    try browser.wait("the question", "return document.getElementById('confirm').open;")
    try browser.press(.escape)
    try browser.wait("no question", "return !document.getElementById('confirm').open;")
    #expect(try ann.download(id).deleted_at == .null)
    try browser.click("Delete The grey square")
    try browser.run("document.getElementById('confirm-yes').click();")
    try browser.wait("an empty shelf", "return document.querySelector('.card[data-id]') === null;")
    #expect(try ann.download(id).deleted_at != .null)
    #expect(try browser.run("return Object.keys(localStorage).filter(key => key.includes('.place.')).length;").int == 0)

    // Nobody else was asked for anything, nothing was refused by the policy, and the console is silent.
    let asked = try browser.requests()
    #expect(asked.count > 20)
    #expect(asked.allSatisfy { $0.hasPrefix("\(box.address)/") || $0.hasPrefix("data:") }, "\(asked)")
    #expect(asked.allSatisfy { !$0.contains(ann.token) || $0.contains("#token=") }, "the token goes in no address")
    #expect(try browser.complaints() == [])
    // And whoever would ask somebody else is not let, which those checks would have seen.
    let escape = try browser.run(
      "try { await fetch('http://127.0.0.1:\(box.proxy.port)/'); return 'out'; } catch { return 'kept'; }")
    #expect(escape.text == "kept")
    #expect(try browser.complaints().contains { $0.contains("Content Security Policy") })
    #expect(film.size > 0)
  }

  @Test("says that the box is away, that the internet is, and which of them is back")
  func away() throws {
    let (box, _) = try Box.withFilm()
    // The same address again after the box was gone.
    try box.change([
      "server": ["listen": "[\"127.0.0.1:\(box.port)\"]", "admin_socket": "\"\(box.directory)/admin.sock\""]
    ])
    let ann = try box.user("ann")
    try eventually("the catalogue") {
      try ann.expect(200, "GET", "/api/catalog").titles?.array?.count == 1 ? true : nil
    }
    box.proxy.fault(Fault(action: .rate(64 << 10)))
    let browser = try Browser(width: 390, height: 844)
    try browser.signIn(ann)
    try browser.click("Get more")
    try browser.click("Get The grey square in 720p")
    try browser.click("My films")
    try browser.wait("a film coming in", "return document.querySelector('.card[data-status=downloading]') !== null;")

    let originBanner = "const banner = document.getElementById('banner-origin'); return banner.offsetHeight > 0"
    let boxBanner = "const banner = document.getElementById('banner-box'); return banner.offsetHeight > 0"
    box.proxy.goDown()
    try browser.wait("the internet to be away", "\(originBanner) && banner.textContent.includes('internet is away');")
    #expect(try browser.text().contains("The internet is away. "), "also on the film itself")
    #expect(try browser.run("\(boxBanner);").bool == false, "the box is there")

    try box.kill()
    try browser.wait("the box to be away", "\(boxBanner) && banner.textContent.includes('The box cannot be reached');")
    #expect(
      try browser.run(
        "return document.body.classList.contains('away') && document.querySelector('.card[data-id] h3').textContent;"
      ).text == "The grey square")
    try browser.click("Pause The grey square")
    try browser.wait(
      "an honest error", "return document.getElementById('notices').innerText.includes('cannot be reached');")

    try box.start()
    try browser.wait(
      "the box to be back",
      "return document.getElementById('banner-box').textContent === '' && !document.body.classList.contains('away');")
    box.proxy.fault(nil)
    try box.proxy.comeBack()
    try browser.wait("the internet to be back", "return document.getElementById('banner-origin').textContent === '';")
    try browser.wait("the film in place", "return document.querySelector('.card[data-status=completed]') !== null;")
  }

  @Test("is worked with a remote control: arrows and Enter alone")
  func arrowsAlone() throws {
    let box = try Box()
    let ann = try box.user("ann")
    let titles = [Title(size: 30_000), Title(size: 40_000)]
    for title in titles {
      try box.origin.put(title)
      _ = try ann.fetch(title)
    }
    let browser = try Browser(width: 1920, height: 1080)
    try browser.signIn(ann)
    try browser.wait("two films", "return document.querySelectorAll('.card[data-status=completed]').length === 2;")
    func focus() throws -> String {
      try browser.run(
        "const here = document.activeElement; return here.getAttribute('aria-label') || here.textContent;"
      ).text ?? ""
    }
    /// Presses until the focus is there; twelve are enough for anything on the page.
    func go(_ key: Browser.Key, to label: String) throws {
      var here = try focus()
      for _ in 0..<12 where !here.hasPrefix(label) {
        try browser.press(key)
        here = try focus()
      }
      try #require(here.hasPrefix(label), "\(here) instead of \(label)")
    }
    let (older, newer) = (titles[0].contentID, titles[1].contentID)
    try go(.down, to: "Delete \(older)")
    try go(.left, to: "Play \(newer)")
    try go(.right, to: "Delete \(newer)")
    try go(.right, to: "Play \(older)")
    try go(.right, to: "Delete \(older)")
    // The focus is to be seen, also from the sofa.
    let outline =
      try browser.run("return parseFloat(getComputedStyle(document.activeElement).outlineWidth);").double ?? 0
    #expect(outline >= 3)
    try browser.press(.enter)
    try browser.wait("the question", "return document.getElementById('confirm').open;")
    #expect(try focus() == "Keep", "what is harmless is at hand")
    try browser.press(.right)
    #expect(try focus() == "Delete")
    try browser.press(.enter)
    try browser.wait("one film", "return document.querySelectorAll('.card[data-id]').length === 1;")
    try browser.wait(
      "the focus beside it", "return document.activeElement.getAttribute('aria-label') === label;",
      ["label": "Play \(newer)"])
    // What is too small for a finger, or a remote control, is on no view.
    for view in ["downloads", "catalogue"] {
      try browser.run("location.hash = view;", ["view": view])
      try browser.wait(
        "the view \(view)", "return document.getElementById(`view-${view}`).offsetParent !== null;", ["view": view])
      let small = try browser.run(
        """
        return [...document.querySelectorAll('button, a, input')].filter(target => target.offsetParent !== null && target.tabIndex >= 0)
          .filter(target => { const box = target.getBoundingClientRect(); return box.height < 44 || box.width < 44; })
          .map(target => target.outerHTML).join();
        """)
      #expect(small.text == "", "\(view)")
    }
  }

  @Test("says why a token is not taken")
  func refusals() throws {
    let box = try Box()
    let browser = try Browser(width: 390, height: 844)
    func reason() throws -> String {
      try browser.wait("a reason", "return document.getElementById('sign-in-reason').offsetParent !== null;")
      return try browser.run("return document.getElementById('sign-in-reason').textContent;").text ?? ""
    }
    let guest = try box.user("guest", roles: ["guest"])
    try browser.open("\(box.address)/#token=\(guest.token)")
    #expect(try reason().contains("Your account does not include downloads"))
    #expect(try browser.run("return sessionStorage.length;").int == 0)

    let ann = try box.user("ann")
    let forged = ann.token.dropLast(10) + "AAAAAAAAAA"
    try browser.open("\(box.address)/healthz")
    try browser.open("\(box.address)/#token=\(forged)")
    #expect(try reason().contains("You are not signed in any more"))

    // Pasted, with a slip first.
    try browser.run(
      "document.getElementById('token').value = 'abc'; document.querySelector('#sign-in-form button').click();")
    #expect(try reason().contains("That is not a token"))
    try browser.run(
      "document.getElementById('token').value = token; document.querySelector('#sign-in-form button').click();",
      ["token": ann.token])
    try browser.wait(
      "the user's films",
      "return document.getElementById('shell').offsetParent !== null || !document.getElementById('shell').hidden;")
    try browser.wait("an empty shelf", "return document.querySelector('.empty').offsetParent !== null;")
    // It has no catalogue: a form asks for both names, and the box's answer is shown in its words.
    try browser.click("Get more")
    try browser.wait("the form", "return document.getElementById('content-id') !== null;")
    try browser.run(
      "document.getElementById('content-id').value = 'no-such-film'; document.querySelector('.form [type=submit]').click();"
    )
    try browser.wait(
      "the box's answer",
      "return document.getElementById('notices').innerText.includes('The origin has no no-such-film in 720p');")
    try browser.click("Sign out")
    try browser.wait("the door", "return document.getElementById('sign-in').offsetParent !== null;")
    #expect(try browser.run("return sessionStorage.length;").int == 0)
  }

  @Test("shows the box to its administrator, and to nobody else")
  func administrator() throws {
    let box = try Box()
    let browser = try Browser()
    let link = "return document.querySelector('nav [data-view=box]').offsetParent !== null;"
    try browser.signIn(try box.user("ann"))
    #expect(try browser.run(link).bool == false)
    try browser.run("location.hash = 'box';")
    try browser.wait("the films", "return document.getElementById('view-downloads').offsetParent !== null;")
    try browser.open("\(box.address)/healthz")
    try browser.signIn(try box.user("root", roles: ["admin"]))
    #expect(try browser.run(link).bool == true)
    try browser.click("The box")
    try browser.wait("the box", "return /Version/.test(document.getElementById('box-content').innerText);")
  }
}
