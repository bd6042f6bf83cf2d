// JWK Sets.
//
// Invariants: a set gives 1 to 32 keys, no more than it has; a key that is wrong is named by its place; warnings and
// errors are one line each; the same bytes are read the same; what is taken is JSON.

import Driver
import HTTP

@testable import Access

private func fuzz(_ bytes: UnsafeRawBufferPointer) {
  let json = unsafe Array(bytes)
  let count = keyCount(json)
  do throws(KeySetError) {
    let set = try KeySet(json: json)
    check((1...KeySet.maximumCount).contains(set.entries.count), "there are some keys and not too many")
    if let count {
      check(set.entries.count <= count, "there are no more keys than entries")
      check(set.warnings.count <= count, "an entry is warned of once")
    }
    for warning in set.warnings { check(isOneLine(warning), "warnings are one line") }
    check((try? KeySet(json: json))?.warnings == set.warnings, "it is read the same again")
  } catch {
    check(isOneLine(error.description), "errors are one line")
    if let key = error.key {
      let digits = key.dropFirst("key ".count).prefix { $0.isNumber }
      guard key.hasPrefix("key "), let number = Int(digits) else { return check(false, "the key has its number") }
      check(number >= 1 && count.map { number <= $0 } ?? true, "the number is an entry's")
    }
  }
}

/// How many entries the set has, by the daemon's own reader, which is stricter.
private func keyCount(_ json: [UInt8]) -> Int? {
  guard case .object(let members)? = try? JSONReader.read(json) else { return nil }
  guard case .array(let keys)? = members.first(where: { $0.name == "keys" })?.value else { return nil }
  return keys.count
}

private func isOneLine(_ text: String) -> Bool { !text.isEmpty && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F } }

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  unsafe fuzz(UnsafeRawBufferPointer(start: data, count: count))
  return 0
}

@_cdecl("FuzzKeySet_main")
public func fuzzMain(_ argc: CInt, _ argv: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  unsafe runFuzzer(argc, argv, fuzzOne)
}
