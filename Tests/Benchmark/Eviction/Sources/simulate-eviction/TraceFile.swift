// Traces in libCacheSim's CSV form: a line for each request with its time in seconds, object and size in bytes; further
// columns are passed over, and so is a first line of names.

import Glibc

/// A trace file cannot be read or written.
struct TraceFileError: Error, CustomStringConvertible {
  var description: String
}

extension Trace {
  /// Reads a file of `time,obj_id,obj_size`. What has no bytes is no request, as in libCacheSim.
  init(csv path: String) throws {
    self.init()
    let text = try contents(path)
    var numbers: [UInt64: Int] = [:]
    var line = 0
    var place = 0
    reserve(text.count / 24)
    while place < text.count {
      line += 1
      let fields = Fields(text, from: &place)
      if fields.isEmpty { continue }
      guard let time = fields.time, let size = fields.size, size < 1 << 50 else {
        if line == 1 { continue }
        throw TraceFileError(description: "\(path):\(line): not time,obj_id,obj_size")
      }
      if size == 0 { continue }
      let object = numbers[fields.object] ?? numbers.count
      if object == numbers.count { numbers[fields.object] = object }
      append(.want, object, bytes: size, atMilliseconds: time * 1000)
    }
  }

  /// Writes what is wanted, without who wants it.
  func write(csv path: String) throws {
    guard let file = unsafe fopen(path, "w") else { throw TraceFileError(description: "\(path): \(reason())") }
    for event in events where event.kind == .want {
      unsafe fputs("\(event.moment / 1000),\(event.object),\(event.bytes)\n", file)
    }
    let isWritten = unsafe ferror(file) == 0
    guard unsafe fclose(file) == 0, isWritten else { throw TraceFileError(description: "\(path): \(reason())") }
  }
}

/// The three fields of a line.
private struct Fields {
  var time: Int64?
  /// The number, or a hash of what is none.
  var object: UInt64 = 0
  var size: Int?
  var isEmpty = true

  /// Takes the line at `place` and leaves `place` behind it.
  init(_ text: [UInt8], from place: inout Int) {
    var field = 0
    var number: UInt64 = 0
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    var digits = 0
    var isNumber = true
    var isFraction = false
    func value() -> UInt64? { isNumber && digits > 0 ? number : nil }
    func end(_ fields: inout Fields) {
      switch field {
      case 0: fields.time = value().flatMap { Int64(exactly: $0) }.flatMap { $0 < 1 << 50 ? $0 : nil }
      case 1: fields.object = value() ?? hash
      case 2: fields.size = value().flatMap { Int(exactly: $0) }
      default: break
      }
    }
    scan: while place < text.count {
      let byte = text[place]
      place += 1
      switch byte {
      case UInt8(ascii: "\n"): break scan
      case UInt8(ascii: "\r"), UInt8(ascii: " "): continue
      case UInt8(ascii: ","):
        end(&self)
        field += 1
        (number, hash, digits, isNumber, isFraction) = (0, 0xCBF2_9CE4_8422_2325, 0, true, false)
      case UInt8(ascii: ".") where field == 0 && !isFraction: isFraction = true
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        isEmpty = false
        if isFraction { continue }
        hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
        digits += 1
        if digits > 19 { isNumber = false } else { number = number &* 10 &+ UInt64(byte - UInt8(ascii: "0")) }
      default:
        isEmpty = false
        isNumber = false
        hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
      }
    }
    end(&self)
  }
}

private func reason() -> String { unsafe String(cString: strerror(errno)) }

private func contents(_ path: String) throws -> [UInt8] {
  let descriptor = unsafe open(path, O_RDONLY)
  guard descriptor >= 0 else { throw TraceFileError(description: "\(path): \(reason())") }
  defer { close(descriptor) }
  var bytes: [UInt8] = []
  var part = [UInt8](repeating: 0, count: 1 << 20)
  while true {
    let count = unsafe read(descriptor, &part, part.count)
    guard count >= 0 else { throw TraceFileError(description: "\(path): \(reason())") }
    guard count > 0 else { return bytes }
    bytes += part[..<count]
  }
}
