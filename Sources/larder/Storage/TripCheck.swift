// Whose fault a signal is: the kernel tells the address that was reached for and what the processor was at, and
// /proc/self/maps what lies where. Read in a signal handler, perhaps over a heap that was written over: so it allocates
// nothing, calls only what may be called there (signal-safety(7)), and keeps to plain numbers, since what Swift knows of
// generic types lies in the heap too.

internal import CSystem
import Glibc

/// Whether LMDB tripped: what was reached for lies in the ledger's map or in the hole behind it, or it was LMDB that ran, or
/// the C library on its behalf.
struct TripCheck {
  private let fault: UInt
  /// The instruction, and where it goes on after it as far as a register says so.
  private let instruction: UInt
  private let link: UInt
  private let stack: UInt

  // What the maps say.
  private var isInMap = false
  /// LMDB's code.
  private var library: UInt = 0
  private var endOfLibrary: UInt = 0
  private var endOfStack: UInt = 0

  /// How far up the stack a return to LMDB is looked for: the frames of `memmove(3)`, or of `abort(3)` in `free(3)`.
  private static var reach: UInt { 4096 }

  /// - Parameters:
  ///   - fault: the address that was reached for; 0 for none.
  ///   - context: what the handler got, a `ucontext_t`.
  init(fault: UInt, context: UnsafeMutableRawPointer?) {
    self.fault = fault
    var (instruction, link, stack): (UInt, UInt, UInt) = (0, 0, 0)
    if let context = unsafe context?.assumingMemoryBound(to: ucontext_t.self) {
      #if arch(x86_64)
        // REG_RIP and REG_RSP of <sys/ucontext.h>.
        instruction = UInt(bitPattern: Int(unsafe context.pointee.uc_mcontext.gregs.16))
        stack = UInt(bitPattern: Int(unsafe context.pointee.uc_mcontext.gregs.15))
      #elseif arch(arm64)
        instruction = UInt(unsafe context.pointee.uc_mcontext.pc)
        link = UInt(unsafe context.pointee.uc_mcontext.regs.30)
        stack = UInt(unsafe context.pointee.uc_mcontext.sp)
      #endif
    }
    (self.instruction, self.link, self.stack) = (instruction, link, stack)
    readMaps()
  }

  var isLedgers: Bool {
    if isInMap || isLibrarys(instruction) || isLibrarys(link) { return true }
    guard stack != 0, stack & 7 == 0 else { return false }
    var word = stack
    while word + 8 <= endOfStack, word < stack + Self.reach {
      if let value = unsafe UnsafePointer<UInt>(bitPattern: word)?.pointee, isLibrarys(value) { return true }
      word += 8
    }
    return false
  }

  private func isLibrarys(_ address: UInt) -> Bool { address >= library && address < endOfLibrary }

  // MARK: /proc/self/maps

  /// A line is "start-end rwxp offset device inode path", in order of the addresses.
  private struct Line {
    var start: UInt = 0
    var end: UInt = 0
    /// How many fields have ended.
    var fields: UInt8 = 0
    /// The last eight bytes, which are as many as the names that are looked for.
    var last: UInt64 = 0
    var isExecutable = false
    var isLedger = false
    var isLibrary = false
  }

  /// "data.mdb" and "/liblmdb", as numbers.
  private static var ledgerName: UInt64 { 0x6461_7461_2E6D_6462 }
  private static var libraryName: UInt64 { 0x2F6C_6962_6C6D_6462 }

  private mutating func readMaps() {
    let file = larder_open_maps()
    guard file >= 0 else { return }
    var line = Line()
    var bytes: UInt64 = 0
    while true {
      var count = unsafe read(file, &bytes, 8)
      guard count > 0 else { break }
      // The first byte is the lowest, on all machines that are meant here.
      while count > 0 {
        take(UInt8(truncatingIfNeeded: bytes), &line)
        bytes >>= 8
        count -= 1
      }
    }
    close(file)
  }

  private mutating func take(_ byte: UInt8, _ line: inout Line) {
    if byte == 0x0A {
      judge(line)
      line = Line()
      return
    }
    line.last = line.last << 8 | UInt64(byte)
    if line.last == Self.ledgerName { line.isLedger = true }
    if line.last == Self.libraryName { line.isLibrary = true }
    if byte == 0x20 || byte == 0x2D && line.fields == 0 {
      if line.fields < 9 { line.fields += 1 }
    } else if line.fields == 0 {
      line.start = line.start << 4 | Self.digit(byte)
    } else if line.fields == 1 {
      line.end = line.end << 4 | Self.digit(byte)
    } else if line.fields == 2, byte == 0x78 {
      line.isExecutable = true
    }
  }

  private static func digit(_ byte: UInt8) -> UInt { UInt(byte < 0x3A ? byte & 0xF : (byte & 0xF) + 9) }

  private mutating func judge(_ line: Line) {
    // The last one that begins before it holds it, or the hole before it.
    if line.start <= fault { isInMap = line.isLedger }
    if line.isLibrary, line.isExecutable { (library, endOfLibrary) = (line.start, line.end) }
    if line.start <= stack, stack < line.end { endOfStack = line.end }
  }
}
