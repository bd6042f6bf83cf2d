// `larder top` on a terminal: it draws what fits, follows, and leaves the terminal as it was.

import Foundation
import Glibc
import Testing

@LaneC @Suite("Top") struct TopTests {
  private let block = 256 << 10

  private func start(_ box: Box, on terminal: PseudoTerminal) throws -> Program {
    try Program(
      Paths.larder, ["top", "--config", box.configurationFile], environment: ["TERM": "xterm"],
      terminal: terminal.path)
  }

  /// Waits for a picture in which all of these stand.
  @discardableResult
  private func picture(_ terminal: PseudoTerminal, _ program: Program, _ words: String...) throws -> [String] {
    try eventually("a picture with \(words)", explain: "\(terminal.picture) \(program.errors)") {
      let picture = terminal.picture
      return words.allSatisfy { word in picture.contains { $0.contains(word) } } ? picture : nil
    }
  }

  private func end(_ program: Program, _ terminal: PseudoTerminal) throws {
    #expect(try program.wait() == .exited(0), "\(program.errors)")
    #expect(program.errors.isEmpty && terminal.isCooked)
    #expect(terminal.text.hasSuffix("\u{1B}[?25h\u{1B}[?1049l"), "the first screen, and its cursor")
  }

  @Test("it draws what comes in, who watches and the quotas, within the screen and when that changes, until q")
  func live() throws {
    let box = try Box(["quota": ["default": "\"100MiB\""], "storage": ["scrub_rate": "0"]])
    let (ann, bob) = (try box.user("ann"), try box.user("bob"))
    let (film, slow) = (Title(size: 3 * block), Title(size: 24 * block))
    for title in [film, slow] { try box.origin.put(title) }
    let id = try ann.fetch(film)
    #expect(try ann.play(id).status == 200)
    box.proxy.hold(after: box.proxy.traffic + 8 * block)
    let coming = try bob.start(slow)
    try bob.wait(coming, "some of it") { ($0.downloaded_bytes?.int ?? 0) > 0 }

    let terminal = try PseudoTerminal(columns: 80, rows: 30)
    #expect(terminal.isCooked)
    let program = try start(box, on: terminal)
    let first = try picture(terminal, program, "COMING IN", "WATCHING", "USER", slow.contentID, "q quits")
    #expect(terminal.text.hasPrefix("\u{1B}[?1049h\u{1B}[?25l") && !terminal.isCooked)
    #expect(first.count <= 30 && first.allSatisfy { $0.count <= 80 }, "\(first)")
    #expect(first.contains { $0.contains(slow.contentID) && $0.contains("[") && $0.contains("bob") }, "\(first)")
    #expect(first.contains { $0.contains(film.contentID) && $0.hasPrefix("ann") }, "\(first)")
    #expect(first.contains { $0.hasPrefix("origin") } && first.contains { $0.hasPrefix("disk") })

    terminal.resize(columns: 50, rows: 14)
    program.signal(SIGWINCH)
    let small = try eventually("a smaller picture", explain: "\(terminal.picture)") {
      let picture = terminal.picture
      return !picture.isEmpty && picture.count <= 14 && picture.allSatisfy { $0.count <= 50 } ? picture : nil
    }
    #expect(small.last == "q quits", "\(small)")
    terminal.resize(columns: 100, rows: 40)
    program.signal(SIGWINCH)
    box.proxy.release()
    try bob.wait(coming, for: "completed")
    try eventually("the fill is through", explain: "\(terminal.picture)") {
      let picture = terminal.picture
      return picture.contains { $0.contains("2 completed") } && !picture.contains { $0.contains("COMING IN") }
        ? true : nil
    }
    terminal.type(Array("xq".utf8))
    try end(program, terminal)
  }

  @Test("Ctrl-C and a signal end it too, and give the terminal back")
  func endings() throws {
    let box = try Box()
    for ending in ["a key", "a signal"] {
      let terminal = try PseudoTerminal(columns: 80, rows: 24)
      let program = try start(box, on: terminal)
      try picture(terminal, program, "q quits")
      if ending == "a key" { terminal.type([3]) } else { program.signal(SIGTERM) }
      try end(program, terminal)
    }
  }

  @Test("when the daemon goes the last picture stays and says so; when it is back it goes on")
  func loss() throws {
    let box = try Box()
    let terminal = try PseudoTerminal(columns: 120, rows: 24)
    let program = try start(box, on: terminal)
    try picture(terminal, program, "q quits")
    _ = try box.terminate()
    try picture(terminal, program, "there is no socket", "running since")
    try box.start()
    try picture(terminal, program, "q quits")
    terminal.type([UInt8(ascii: "q")])
    try end(program, terminal)
  }

  @Test("where there is no terminal it prints once")
  func plain() throws {
    let box = try Box(["quota": ["default": "\"100MiB\""]])
    let ann = try box.user("ann")
    let title = Title(size: 1000)
    try box.origin.put(title)
    _ = try ann.fetch(title)
    let text = try box.print("top")
    #expect(text.contains("running since") && text.contains("ann") && text.contains("1 completed"))
    #expect(!text.contains("\u{1B}") && !text.contains("q quits"))
  }
}
