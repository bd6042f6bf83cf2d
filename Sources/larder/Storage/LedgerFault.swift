// What becomes of the process when LMDB trips over a damaged page. It believes its pages, so a value of one that is garbage
// leads it, or the C library on its behalf, to where there is nothing: the kernel says so with a signal and has no other way.
// The line that tells the administrator what to do is written from the handler of that signal, which may call next to
// nothing: no memory is allocated there, and nothing of Swift's library is used that might.

internal import CSystem
import Glibc

/// Says what a signal means when it is the ledger that is damaged.
enum LedgerFault {
  // Swift writes down who reads and changes its variables, in part on the heap: not for these.

  /// What the handler needs, in a page of its own that nobody can write to: the heap may be what was written over.
  @unsafe private struct Kept {
    var damaged: UnsafePointer<UInt8>
    var damagedCount: Int
    var unreadable: UnsafePointer<UInt8>
    var unreadableCount: Int
    var unknown: UnsafePointer<UInt8>
    var unknownCount: Int
  }

  @exclusivity(unchecked) private nonisolated(unsafe) static var kept: Kept?
  /// What was done about the signals before, by number: Swift's own report, or a sanitizer's. In pages of its own, too.
  @exclusivity(unchecked) private nonisolated(unsafe) static var before: UnsafeMutablePointer<sigaction>?
  /// The thread that came into the handler first, for a fault; 0 for none.
  @exclusivity(unchecked) private nonisolated(unsafe) static var catcher: Int32 = 0

  /// From now on a damaged page of the ledger in `folder` ends the process with status 70 and one line that names the
  /// ledger and what to do.
  ///
  /// A page that cannot be read (`SIGBUS`) is the disk's failure or a file that was cut. `SIGSEGV` and `SIGABRT` (LMDB's own
  /// assertions) are the ledger's when ``TripCheck`` says so. Whatever else would end the process does so, after a line that
  /// does not leave the ledger out: a damaged page may have had LMDB write over memory that is anybody's.
  static func watch(_ folder: String) {
    let remedy = "larder verify --rebuild makes a new one from the videos on the disk"
    let lines = [
      "the ledger at \(folder) is damaged; larder verify says where, and \(remedy)",
      "the ledger at \(folder) cannot be read: its disk failed or its file was cut; when larder verify finds it damaged, "
        + remedy,
      "a fault of the program; when larder verify finds the ledger at \(folder) damaged, \(remedy)",
    ].map { Array("larder: \($0)\n".utf8) }
    let bytes = lines.flatMap { $0 }
    guard let memory = unsafe pages(bytes.count) else { return }
    unsafe memory.copyMemory(from: bytes, byteCount: bytes.count)
    unsafe mprotect(memory, bytes.count, PROT_READ)
    let first = unsafe UnsafePointer(memory.assumingMemoryBound(to: UInt8.self))
    let second = unsafe first + lines[0].count
    unsafe kept = Kept(
      damaged: first, damagedCount: lines[0].count, unreadable: second, unreadableCount: lines[1].count,
      unknown: second + lines[1].count, unknownCount: lines[2].count)
    if unsafe before == nil { catchSignals() }
  }

  private static func catchSignals() {
    let signals = [SIGBUS, SIGSEGV, SIGABRT, SIGILL, SIGTRAP]
    let size = 65 * MemoryLayout<sigaction>.stride
    guard let memory = unsafe pages(size) else { return }
    let old = unsafe memory.bindMemory(to: sigaction.self, capacity: 65)
    unsafe before = old
    // A handler may not be the first to ask for anything that Swift makes when it is asked for.
    unsafe _ = TripCheck(fault: 1, context: nil).isLedgers
    var action = sigaction()
    // What the handler itself trips over comes to it again: held back, it would end the process without a word.
    action.sa_flags = SA_SIGINFO | SA_NODEFER
    unsafe action.__sigaction_handler.sa_sigaction = { number, info, context in
      unsafe LedgerFault.caught(number, info, context)
    }
    for number in signals { unsafe sigaction(number, nil, old + Int(number)) }
    unsafe mprotect(memory, size, PROT_READ)
    for number in signals { unsafe sigaction(number, &action, nil) }
  }

  /// Memory that is no heap's.
  private static func pages(_ bytes: Int) -> UnsafeMutableRawPointer? {
    let memory = unsafe mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    return unsafe memory == MAP_FAILED ? nil : memory
  }

  // MARK: In the handler

  private static func caught(
    _ number: Int32, _ info: UnsafeMutablePointer<siginfo_t>?, _ context: UnsafeMutableRawPointer?
  ) {
    guard let kept = unsafe kept, let before = unsafe before else { _exit(70) }
    // Somebody sent it, such as a watchdog whom the loop did not answer: no fault, and what it asks for is the end.
    if let info = unsafe info, unsafe isSent(info.pointee) {
      endBy(number)
      raise(number)
      return
    }
    switch unsafe larder_claim(&catcher) {
    case 0: break
    case 1:  // What follows has tripped: less is said, and nothing more is tried.
      unsafe write(2, kept.unknown, kept.unknownCount)
      endBy(number)
      return
    default:  // One line: another thread's fault is the same, or comes of it.
      // It may be held up itself, by whoever reads the line, or be a number that was written over.
      for _ in 0..<30 { sleep(1) }
      _exit(70)
    }
    if number == SIGBUS { unsafe end(kept.unreadable, kept.unreadableCount) }
    var fault: UInt = 0
    if number == SIGSEGV, let info = unsafe info {
      fault = unsafe UInt(bitPattern: info.pointee._sifields._sigfault.si_addr)
    }
    // Swift's own traps are no trips of LMDB's, but of who reads what it gave.
    if number == SIGSEGV || number == SIGABRT, unsafe TripCheck(fault: fault, context: context).isLedgers {
      unsafe end(kept.damaged, kept.damagedCount)
    }
    unsafe write(2, kept.unknown, kept.unknownCount)
    // What was to be done before is done when the instruction fails again, or abort(3) goes on.
    unsafe sigaction(number, before + Int(number), nil)
  }

  /// Whether it comes from another process (sigaction(2), `si_code`): `abort(3)` sends one, too.
  private static func isSent(_ info: siginfo_t) -> Bool {
    let byThread: Int32 = -6  // SI_TKILL
    guard unsafe info.si_code == byThread else { return unsafe info.si_code <= 0 }
    return unsafe info._sifields._kill.si_pid != getpid()
  }

  /// The signal ends the process when it comes again: the default action, as all zeros say. Swift's own report would go on
  /// living, too.
  private static func endBy(_ number: Int32) {
    var standard = sigaction()
    unsafe sigaction(number, &standard, nil)
  }

  private static func end(_ line: UnsafePointer<UInt8>, _ count: Int) -> Never {
    unsafe write(2, line, count)
    _exit(70)
  }
}
