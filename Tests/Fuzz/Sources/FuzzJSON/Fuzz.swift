// JSON texts, and the same bytes as a query and as percent-encoded text.
//
// Invariants: what is taken is written as a text that is read as the same value and written the same; any bytes
// become a valid string; percent-encoding undoes itself.

import Driver
import HTTP

private func fuzz(_ bytes: UnsafeRawBufferPointer) {
  if let value = unsafe try? JSONReader.read(bytes) {
    var writer = JSONWriter()
    writer.value(value)
    let again = try? JSONReader.read(writer.bytes)
    check(again == value, "values go to text and back")
  }
  var writer = JSONWriter()
  unsafe writer.string(utf8: bytes)
  let string = try? JSONReader.read(writer.bytes)
  check(unsafe string?.string == String(decoding: bytes, as: UTF8.self), "any bytes become a valid string")

  let encoded = Array(PercentCoding.encode(unsafe Array(bytes)).utf8)
  let decoded = unsafe encoded.withUnsafeBytes { unsafe PercentCoding.decode($0) }
  check(unsafe decoded == Array(bytes), "percent-encoding undoes itself")
  var items = 0
  for item in unsafe Query(bytes) {
    items += 1
    check(!item.isNamed("limit") || item.name == "limit", "names are compared as they are decoded")
    _ = item.value
  }
  check(items <= bytes.count, "there are no more parameters than bytes")
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  unsafe fuzz(UnsafeRawBufferPointer(start: data, count: count))
  return 0
}

@_cdecl("FuzzJSON_main")
public func fuzzMain(_ argc: CInt, _ argv: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  unsafe runFuzzer(argc, argv, fuzzOne)
}
