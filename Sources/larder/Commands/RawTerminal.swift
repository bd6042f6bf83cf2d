// The terminal for a picture instead of lines: a screen of its own, keys as they are pressed, and everything as it was
// before when that is over, also by a signal.

import Glibc
import Synchronization

/// The terminal at standard input and output, taken over (`termios(3)`).
final class RawTerminal {
  /// Why a wait ended.
  enum Event {
    case time
    case resized
    /// A key or a signal that ends it.
    case over
  }

  /// What a signal handler may touch: nothing but atomics.
  private enum Heard {
    static let resized = Atomic<Bool>(false)
    static let ended = Atomic<Bool>(false)
  }

  private let before: termios
  private var isRestored = false

  /// Nil when standard input is no terminal.
  init?() {
    var found = termios()
    guard unsafe tcgetattr(0, &found) == 0 else { return nil }
    before = found
    var raw = found
    // No lines, no echo, no signals from keys, and on the screen what is written and nothing else.
    raw.c_oflag &= ~tcflag_t(OPOST)
    raw.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG | IEXTEN)
    raw.c_iflag &= ~tcflag_t(IXON | ICRNL)
    guard unsafe tcsetattr(0, TCSAFLUSH, &raw) == 0 else { return nil }
    // Made now, so that a handler finds them there.
    Heard.resized.store(false, ordering: .relaxed)
    Heard.ended.store(false, ordering: .relaxed)
    signal(SIGWINCH) { _ in Heard.resized.store(true, ordering: .relaxed) }
    for number in [SIGTERM, SIGHUP, SIGINT] { signal(number) { _ in Heard.ended.store(true, ordering: .relaxed) } }
    // The other screen, without a cursor.
    Terminal.write("\u{1B}[?1049h\u{1B}[?25l")
  }

  deinit { restore() }

  /// Gives the terminal back as it was.
  func restore() {
    guard !isRestored else { return }
    isRestored = true
    Terminal.write("\u{1B}[?25h\u{1B}[?1049l")
    var before = before
    unsafe tcsetattr(0, TCSAFLUSH, &before)
  }

  /// Draws the picture over the one before, without a moment in which there is none.
  func draw(_ lines: [String]) {
    Terminal.write("\u{1B}[H" + lines.map { "\($0)\u{1B}[K" }.joined(separator: "\r\n") + "\u{1B}[J")
  }

  /// Waits for a key that ends it, another size, or until the time is over.
  func wait(milliseconds: Int) -> Event {
    let end = ContinuousClock.now + .milliseconds(milliseconds)
    while true {
      if Heard.ended.load(ordering: .relaxed) { return .over }
      if Heard.resized.exchange(false, ordering: .relaxed) { return .resized }
      let left = (end - ContinuousClock.now).milliseconds
      guard left > 0 else { return .time }
      var wanted = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
      // A signal in this very moment is heard when the time is over.
      guard unsafe poll(&wanted, 1, Int32(left)) > 0 else { continue }
      var key: UInt8 = 0
      // Gone is the terminal, or nobody can press a key any more.
      guard unsafe read(0, &key, 1) == 1 else { return .over }
      if key == UInt8(ascii: "q") || key == UInt8(ascii: "Q") || key == 3 { return .over }
    }
  }
}
