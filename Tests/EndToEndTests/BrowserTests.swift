// A real browser plays a film that is still coming in, and its viewer jumps about in it.

import Foundation
import Testing

@LaneC @Suite("A browser") struct BrowserTests {
  @Test("plays a film that is coming in, and shows the right picture wherever it seeks", arguments: [true, false])
  func seeksInWhatComesIn(indexFirst: Bool) throws {
    let box = try Box(["downloads": ["chunk_size": "\"1MiB\""], "quota": ["default": "\"100MiB\""]])
    let ann = try box.user("ann")
    var title = Title(size: 0)
    title.bytes = try Film.make(indexFirst: indexFirst)
    try box.origin.put(title)
    // Over four connections that is twice what the film needs, and half a minute for the whole of it.
    box.proxy.fault(Fault(action: .rate(256 << 10)))
    let id = try ann.start(title)
    let link = try #require(try ann.expect(200, "POST", "/api/downloads/\(id)/play-url").url?.text)

    let browser = try Browser()
    // Any page of the box will do, so that its pictures may be looked at.
    try browser.open("http://127.0.0.1:\(box.port)/healthz")
    let length = try browser.run(
      """
      window.film = document.createElement('video');
      document.body.replaceChildren(film);
      film.src = link;
      window.heard = name => new Promise((resolve, reject) => {
        film.addEventListener(name, resolve, { once: true });
        film.addEventListener('error', () => reject(film.error.message), { once: true });
      });
      window.brightness = () => {
        const canvas = document.createElement('canvas');
        canvas.width = canvas.height = 16;
        const context = canvas.getContext('2d');
        context.drawImage(film, 16, 16, 16, 16, 0, 0, 16, 16);
        return context.getImageData(8, 8, 1, 1).data[1];
      };
      if (film.readyState < 1) await heard('loadedmetadata');
      return film.duration;
      """, ["link": link])
    #expect(abs((length.double ?? 0) - Double(Film.seconds)) < 0.5)
    #expect(try ann.download(id).status?.text == "downloading")

    for time in [50.0, 20, 38, 5] {
      let shown = try browser.run(
        "film.currentTime = Number(time); await heard('seeked'); return brightness();", ["time": "\(time)"])
      #expect(abs((shown.double ?? -1) - Film.brightness(at: time)) < 5, "at \(time) s: \(shown)")
      if time > 20 { #expect(try ann.download(id).status?.text == "downloading", "at \(time) s it is all there") }
    }
    // It also runs on.
    let end = try browser.run(
      "await film.play(); while (film.currentTime < 8) await heard('timeupdate'); return film.currentTime;")
    #expect((end.double ?? 0) >= 8)

    box.proxy.fault(nil)
    try ann.wait(id, for: "completed")
    #expect(box.proxy.traffic <= title.size + (1 << 20), "each byte once: \(box.proxy.traffic) of \(title.size)")
    #expect(try ann.play(id).body == title.bytes)
  }
}
