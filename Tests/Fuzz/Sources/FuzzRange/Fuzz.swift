// Range headers of representations of many lengths, and the parts made of them.
//
// The first byte chooses the length. Invariants: ranges lie within the representation, are apart by more than the gap,
// are sixteen at the most and together less than the whole; the parts' length is that of the parts.

import Driver
import HTTP

private func fuzz(_ bytes: UnsafeRawBufferPointer) {
  guard let choice = unsafe bytes.first else { return }
  let lengths = [0, 1, 2, 10, 100, 1000, 10_000, 1 << 20, 1 << 31, 1 << 40, Int.max - 8192]
  let length = lengths[Int(choice) % lengths.count]
  let value = unsafe UnsafeRawBufferPointer(rebasing: bytes.dropFirst())
  switch unsafe RangeHeader.parse(value, length: length) {
  case .whole, .unsatisfiable:
    break
  case .single(let range):
    check(range.first >= 0 && range.first <= range.last && range.last < length, "the range lies within")
  case .several(let ranges):
    check(ranges.count >= 2 && ranges.count <= ByteRangeSet.capacity, "there are some ranges")
    check(ranges.byteCount < length, "nothing is sent twice")
    let sorted = ranges.sorted { $0.first < $1.first }
    check(sorted[0].first >= 0 && sorted[sorted.count - 1].last < length, "the ranges lie within")
    for (range, next) in zip(sorted, sorted.dropFirst()) {
      check(range.first <= range.last, "ranges are not empty")
      check(next.first - range.last - 1 > RangeHeader.coalescingGap, "ranges are apart")
    }
    let mediaType = MediaType.allCases[Int(choice) % MediaType.allCases.count]
    checkParts(MultipartRanges(ranges, length: length, mediaType: mediaType, boundary: MultipartBoundary(1, 2)))
  }
}

private func checkParts(_ parts: MultipartRanges) {
  let contentLength = parts.contentLength
  var steps = parts
  var sum = 0
  var sent = 0
  var buffer = [UInt8](repeating: 0, count: MultipartRanges.maximumTextCount)
  while let segment = unsafe buffer.withUnsafeMutableBytes({ unsafe steps.next(into: $0) }) {
    switch segment {
    case .text(let count): sum += count
    case .range(let range):
      check(range == parts.ranges[sent], "parts keep the order")
      sent += 1
      sum += range.count
    }
  }
  check(sent == parts.ranges.count, "every range is a part")
  check(sum == contentLength, "the length is that of the parts")
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  unsafe fuzz(UnsafeRawBufferPointer(start: data, count: count))
  return 0
}

@_cdecl("FuzzRange_main")
public func fuzzMain(_ argc: CInt, _ argv: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  unsafe runFuzzer(argc, argv, fuzzOne)
}
