// Requests one after the other, as a connection reads them: heads, bodies, and what follows.
//
// Invariants: offsets lie within the head, prefixes are never read differently from the whole, a body comes out the
// same whatever the portions, and no step stands still.

import Driver
import HTTP

private func fuzz(_ bytes: UnsafeRawBufferPointer) {
  var choices = unsafe Choices(bytes)
  var head = RequestHead()
  var start = 0
  while start < bytes.count {
    let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[start...])
    let outcome = unsafe RequestParser.parse(rest, into: &head)
    guard case .complete(let length) = outcome else {
      if case .incomplete = outcome { check(rest.count < RequestParser.maximumHeadCount, "a full head is decided") }
      return
    }
    unsafe checkHead(head, rest, length)
    let framing = head.framing
    let split = choices.next(upTo: length)
    unsafe checkPrefix(UnsafeRawBufferPointer(rebasing: rest[..<split]), isWhole: split == length, length)
    let body = unsafe UnsafeRawBufferPointer(rebasing: rest[length...])
    guard let bodyLength = unsafe checkBody(body, framing, &choices) else { return }
    start += length + bodyLength
  }
}

/// Every slice lies in the head, and what is looked up by name is what is in the table.
private func checkHead(_ head: borrowing RequestHead, _ bytes: UnsafeRawBufferPointer, _ length: Int) {
  check(length >= 16 && length <= min(bytes.count, RequestParser.maximumHeadCount), "the length is that of a head")
  let slices = [head.target, head.path] + [head.query, head.host].compactMap(\.self)
  for slice in slices { check(slice.range.upperBound <= length, "slices lie in the head") }
  let path = unsafe head.path.bytes(in: bytes)
  check(unsafe path.first == UInt8(ascii: "/") || path.elementsEqual("*".utf8), "the path begins with a slash")
  check(head.fieldCount <= 100, "the table holds the fields")
  for index in 0..<head.fieldCount {
    let field = head[index]
    check(field.name.range.upperBound < length && field.value.range.upperBound < length, "fields lie in the head")
    check(field.name.count > 0, "names are not empty")
    for byte in unsafe Array(field.value.bytes(in: bytes)) {
      check((byte >= 0x20 && byte != 0x7f) || byte == 9, "values hold no control characters")
    }
    if field.known != .other {
      check(head.contains(field.known), "known fields have their slot")
      check(head.isRepeated(field.known) || head[field.known] == field.value, "slots are the fields")
    }
  }
}

private func checkPrefix(_ prefix: UnsafeRawBufferPointer, isWhole: Bool, _ length: Int) {
  var other = RequestHead()
  let expected = isWhole ? RequestParser.Outcome.complete(headLength: length) : .incomplete
  check(unsafe RequestParser.parse(prefix, into: &other) == expected, "prefixes of a request are incomplete")
}

/// Reads the body at once and in portions; returns its length when it is done.
private func checkBody(_ bytes: UnsafeRawBufferPointer, _ framing: BodyFraming, _ choices: inout Choices) -> Int? {
  let whole = unsafe read(bytes, framing) { bytes.count }
  let split = unsafe read(bytes, framing) { 1 + choices.next(upTo: 6) }
  check(whole.outcome == split.outcome && whole.content == split.content, "portions make no difference")
  check(whole.content.count <= BodyReader.maximumContentCount, "the limit holds")
  guard whole.outcome == .done else { return nil }
  check(whole.consumed == split.consumed, "the body ends where it ends")
  if case .length(let length) = framing { check(whole.content.count == length, "stated lengths are kept") }
  return whole.consumed
}

private func read(
  _ bytes: UnsafeRawBufferPointer, _ framing: BodyFraming, _ portion: () -> Int
) -> (outcome: BodyReader.Outcome, content: [UInt8], consumed: Int) {
  var reader = BodyReader(framing)
  var content: [UInt8] = []
  var start = 0
  while reader.outcome == .more, start < bytes.count {
    let end = min(bytes.count, start + portion())
    let part = unsafe UnsafeRawBufferPointer(rebasing: bytes[start..<end])
    let step = unsafe reader.read(part)
    check(step.consumed > 0 || step.outcome != .more, "a step moves on")
    check(step.consumed <= part.count && step.produced.upperBound <= step.consumed, "content was consumed")
    unsafe content.append(contentsOf: part[step.produced])
    start += step.consumed
  }
  return (reader.outcome, content, start)
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  unsafe fuzz(UnsafeRawBufferPointer(start: data, count: count))
  return 0
}

@_cdecl("FuzzRequest_main")
public func fuzzMain(_ argc: CInt, _ argv: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  unsafe runFuzzer(argc, argv, fuzzOne)
}
