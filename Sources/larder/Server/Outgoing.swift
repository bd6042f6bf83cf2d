// What a connection still has to send: bytes from memory, then bytes of a file, a slice at a time.

import CSystem
import Cache
import Glibc
import HTTP
import Loop

/// A title's bytes behind an answer's head.
struct FileBody {
  let playable: Playable
  /// What is being sent now; nil between two parts.
  var range: ByteRange?
  /// The parts that follow, of an answer in parts.
  var parts: MultipartRanges?
  /// Tells the fill of a title that is still coming in where its player is.
  var playhead: Playhead?
  /// The file stays on the disk as long as it is sent.
  var hold: Hold?
}

/// The queue of one connection's answer.
@EventLoop
struct Outgoing {
  /// How one try to send ended.
  enum Progress {
    case done
    /// The socket is full.
    case blocked
    /// Enough for one turn of the loop.
    case turnOver
    /// The next bytes are not in memory: warm them, then try again.
    case cold(ObjectFile, ByteRange)
    /// The next block was not compared with its checksum since it came from the disk.
    case unverified(ObjectReader, Int)
    /// The next block was compared a moment ago, and memory has forgotten it already: the disk may have another by now. So
    /// what is compared next is what goes out (``take(_:from:)``), also where a file system keeps nothing in memory.
    case forgotten(ObjectReader, Int)
    /// The client is gone, or the file is shorter than it must be.
    case failed
  }

  /// The most that one call sends in a turn of the loop that is not young any more, so that a fast reader does not hold up
  /// the others.
  private static let turn = 1 << 20
  /// How long a turn of the loop is young: then who has more to send goes on.
  private static let youth = Duration.milliseconds(1)
  /// The unit of sending and of asking whether the bytes are in memory.
  private static let slice = 256 << 10

  private var bytes: [UInt8] = []
  private var sent = 0
  private var body: FileBody?
  /// Up to here the file was warmed or found in memory a moment ago; not asked again before some of it is sent, or a
  /// machine that is short of memory would never get on.
  private var warmedEnd = 0
  /// Where the block that is to go out next was compared, and how many copies were asked for since anything went out.
  private var (compared, copies): (Int?, Int) = (nil, 0)
  /// The copies that may come to nothing before the answer is given up: a disk that says one thing and the other.
  private static let patience = 3
  /// Where the file failed although its block was good; a second time there is the end.
  private var doubted: Int?
  /// Bytes of files that were sent and not yet counted.
  private var fileBytes = 0

  nonisolated init() {}

  /// Bytes of memory that wait to be sent.
  var unsent: Int { bytes.count - sent }

  /// Bytes of memory that are kept for them: no more than twice as many, and some.
  var held: Int { bytes.count }

  mutating func set(_ bytes: [UInt8], then body: FileBody? = nil) {
    self.bytes = bytes
    self.body = body
    sent = 0
    warmedEnd = 0
    (compared, copies) = (nil, 0)
    doubted = nil
  }

  /// Adds bytes behind what is waiting; false when more than `limit` would wait.
  mutating func append(_ more: [UInt8], limit: Int) -> Bool {
    bytes.removeFirst(sent)
    sent = 0
    guard bytes.count + more.count <= limit else { return false }
    bytes += more
    return true
  }

  /// The bytes of files that were sent since the last time.
  mutating func takeFileBytes() -> Int {
    defer { fileBytes = 0 }
    return fileBytes
  }

  mutating func pump(into socket: Int32) -> Progress {
    var budget = Self.turn
    while true {
      if unsent > 0 {
        let isFollowed = fileFollowsAtOnce()
        while unsent > 0 {
          let result = unsafe bytes.withUnsafeBytes {
            unsafe Socket.write(socket, UnsafeRawBufferPointer(rebasing: $0[sent...]), more: isFollowed)
          }
          switch result {
          case .bytes(let count): sent += count
          case .wouldBlock:
            // What the kernel has is the kernel's. Not each time: what is left has to be moved for that.
            if sent >= max(Limits.ownBytes, bytes.count / 2) {
              bytes = Array(bytes[sent...])
              sent = 0
            }
            // What was found out of the file is not true any more when there is room again.
            warmedEnd = 0
            return .blocked
          case .closed, .failed: return .failed
          }
        }
      }
      guard body != nil else {
        bytes = []
        sent = 0
        return .done
      }
      if !bytes.isEmpty { (bytes, sent) = ([], 0) }
      guard let range = body?.range else {
        nextPart()
        continue
      }
      if budget <= 0 {
        guard EventLoop.now.duration(to: EventLoop.exactNow) < Self.youth else {
          warmedEnd = 0
          return .turnOver
        }
        budget = Self.turn
      }
      let file = body!.playable.file
      let reader = body!.playable.reader
      let end = sendable(range, of: file, reader, budget)
      guard end > range.first else {
        guard let reader else {
          warmedEnd = range.first + Self.slice
          return .cold(file, ByteRange(first: range.first, last: min(range.last, warmedEnd - 1)))
        }
        let block = reader.block(at: range.first)
        guard compared == range.first, reader.isVerified(block) else {
          compared = range.first
          return .unverified(reader, block)
        }
        copies += 1
        return copies > Self.patience ? .failed : .forgotten(reader, block)
      }
      switch Socket.sendFile(socket, from: file.descriptor, offset: range.first, count: end - range.first) {
      // The file ends before its time, or cannot be read where it could a moment ago: the block is looked at once more,
      // and is fetched again if need be.
      case .bytes(0), .failed(EIO):
        guard let reader, doubted != range.first else { return .failed }
        doubted = range.first
        let block = reader.block(at: range.first)
        reader.doubt(block)
        return .unverified(reader, block)
      case .bytes(let count):
        budget -= count
        passed(count)
      case .wouldBlock: return .blocked
      case .closed, .failed: return .failed
      }
    }
  }

  /// Up to where the range may go out in one call: what is in memory and, where there are checksums, was compared. Its
  /// beginning when not even that may.
  private mutating func sendable(_ range: ByteRange, of file: ObjectFile, _ reader: ObjectReader?, _ budget: Int) -> Int
  {
    let warmed = warmedEnd
    warmedEnd = 0
    let most = min(range.last, range.first + budget - 1) + 1
    guard let reader else {
      let end = min(most, range.first + Self.slice)
      let isInMemory = range.first < warmed || file.isResident(ByteRange(first: range.first, last: end - 1))
      return isInMemory ? end : range.first
    }
    return range.first < warmed ? min(most, warmed) : reader.readyEnd(range.first..<most)
  }

  /// Bytes of the file are out, or lie before those that are still to come.
  private mutating func passed(_ count: Int) {
    guard let range = body?.range else { return }
    copies = 0
    body!.playable.sent(count, to: range.first + count)
    body!.playhead?.moved(to: range.first + count, sent: count)
    fileBytes += count
    body!.range = range.count == count ? nil : ByteRange(first: range.first + count, last: range.last)
    if body!.range == nil, body!.parts == nil { body = nil }
  }

  /// What comes next of the file goes out of a copy of its block, which lies at `place`.
  mutating func take(_ block: consuming [UInt8], from place: Range<Int>) {
    guard unsent == 0, let range = body?.range, place.contains(range.first) else { return }
    bytes = block
    bytes.removeLast(max(0, place.upperBound - range.last - 1))
    sent = range.first - place.lowerBound
    passed(unsent)
  }

  /// Whether all of a short range may go out right behind the bytes before it. Then they share a segment, which is a third
  /// of the work for 64 KiB, and nothing for long ones.
  private mutating func fileFollowsAtOnce() -> Bool {
    guard warmedEnd == 0, let range = body?.range, range.count <= Self.slice, let reader = body?.playable.reader,
      reader.readyEnd(range.first..<range.last + 1) > range.last
    else { return false }
    warmedEnd = range.last + 1
    return true
  }

  /// Moves on to the next part's head and range, or to the end.
  private mutating func nextPart() {
    bytes = []
    sent = 0
    var text = [UInt8](repeating: 0, count: MultipartRanges.maximumTextCount)
    switch unsafe text.withUnsafeMutableBytes({ unsafe body!.parts!.next(into: $0) }) {
    case .text(let count): bytes = Array(text[..<count])
    case .range(let range): body!.range = range
    case nil: body = nil
    }
  }
}

extension ObjectFile {
  /// Whether the first and the last byte of a slice are in memory (`preadv2` with `RWF_NOWAIT`): the kernel reads ahead
  /// in runs longer than a slice. A file system that cannot say is taken to be quick.
  func isResident(_ range: ByteRange) -> Bool { isResident(at: range.first) && isResident(at: range.last) }

  func isResident(at offset: Int) -> Bool {
    var byte: UInt8 = 0
    let got = unsafe withUnsafeMutablePointer(to: &byte) {
      unsafe larder_read_resident(descriptor, $0, 1, off_t(offset))
    }
    return got != -Int(EAGAIN)
  }
}

/// Reads cold pages of a file without checksums into memory.
enum ColdReader {
  /// Returns when the bytes were read once, or could not be: sending them finds out.
  @EventLoop
  static func warm(_ file: ObjectFile, _ range: ByteRange) async {
    await DiskReaders.read {
      // What follows is wanted next.
      posix_fadvise(file.descriptor, off_t(range.first), off_t(range.count * 8), POSIX_FADV_WILLNEED)
      unsafe withUnsafeTemporaryAllocation(byteCount: 64 << 10, alignment: 4096) { buffer in
        var offset = range.first
        while offset <= range.last {
          let got = unsafe pread(file.descriptor, buffer.baseAddress, buffer.count, off_t(offset))
          guard got > 0 else { return }
          offset += got
        }
      }
    }
  }
}
