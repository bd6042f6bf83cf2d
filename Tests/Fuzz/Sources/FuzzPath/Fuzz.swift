// Names on the disk and ids: identifiers come from strangers.
//
// The input is up to five texts with a zero byte between them: user, content id, another id, quality, the origin's key.
// Invariants: no identifier leaves its folder or names it; two identifiers never share a name; what is not cut is decoded
// to what it was; ids go to text and back, and sort as their texts do.

import Cache
import Crypto
import Driver

private func digest(_ text: String) -> String {
  SHA256.hash(data: text.utf8).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
}

private func fuzz(_ bytes: UnsafeRawBufferPointer) {
  let parts = unsafe bytes.split(separator: 0, maxSplits: 4, omittingEmptySubsequences: false)
  let texts = unsafe parts.map { unsafe String(decoding: $0, as: UTF8.self) } + ["", "", "", ""]
  checkComponent(texts[0])
  checkApart(texts[1], texts[2])
  checkID(Array(texts[0].utf8), Array(texts[1].utf8))
  let fileExtension = StoredPath.fileExtension(ofKey: texts[4])
  check((1...16).contains(fileExtension.utf8.count) && isPlain(fileExtension), "extensions are letters and digits")
  guard let user = UserID(texts[0]), let title = try? Title(contentID: texts[1], quality: texts[3]) else { return }
  let folder = StoredPath.folder(of: user, digest: digest)
  let link = StoredPath.link(user: user, title: title, fileExtension: fileExtension, digest: digest)
  check(link.hasPrefix(folder + "/"), "a link lies in its user's folder")
  let names = link.utf8.split(separator: 0x2F, omittingEmptySubsequences: false)
  check(names.count == 4 && link.hasPrefix("downloads/users/"), "folders are as deep as they are")
  check(names.allSatisfy { (1...255).contains($0.count) && $0.first != 0x2E }, "the disk takes the names")
  guard let other = try? Title(contentID: texts[2], quality: texts[3]) else { return }
  let otherLink = StoredPath.link(user: user, title: other, fileExtension: fileExtension, digest: digest)
  check((link == otherLink) == title.contentID.utf8.elementsEqual(other.contentID.utf8), "titles share no file")
}

private func isPlain(_ text: String) -> Bool {
  text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) }
}

private func checkComponent(_ identifier: String) {
  let name = StoredPath.component(identifier, digest: digest)
  check(name.isEmpty == identifier.isEmpty, "an identifier has a name")
  check(name.utf8.count <= 200 && !name.hasPrefix("."), "names are short and not hidden")
  check(name.utf8.allSatisfy { isPlain(String(Unicode.Scalar($0))) || "._-%~".utf8.contains($0) }, "names are plain")
  let isCut = name.utf8.contains(0x7E)
  let kept = name.utf8.prefix { $0 != 0x7E }
  guard let decoded = decode(Array(kept)) else { return check(false, "no encoded byte is cut in two") }
  check(identifier.utf8.starts(with: decoded), "a name begins as its identifier")
  check(isCut || decoded.count == identifier.utf8.count, "what is not cut is all there")
  check(!isCut || (158...160).contains(kept.count) && name.utf8.count == kept.count + 33, "a cut name has its digest")
}

private func decode(_ bytes: [UInt8]) -> [UInt8]? {
  var decoded: [UInt8] = []
  var rest = bytes[...]
  while let byte = rest.popFirst() {
    guard byte == 0x25 else {
      decoded.append(byte)
      continue
    }
    guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else {
      return nil
    }
    decoded.append(value)
    rest = rest.dropFirst(2)
  }
  return decoded
}

private func checkApart(_ one: String, _ other: String) {
  let isSame = StoredPath.component(one, digest: digest) == StoredPath.component(other, digest: digest)
  check(isSame == one.utf8.elementsEqual(other.utf8), "identifiers share no name")
}

private func parsed(_ bytes: [UInt8]) -> DownloadID? { unsafe bytes.withUnsafeBytes { unsafe DownloadID($0) } }

private func checkID(_ one: [UInt8], _ other: [UInt8]) {
  guard let id = parsed(one) else { return check(one.count != 26 || !isID(one), "26 digits are an id") }
  check(one.count == DownloadID.textLength && isID(one), "ids are 26 digits")
  check(id.description == String(decoding: one, as: UTF8.self).uppercased(), "ids go to text and back")
  check(id.created.milliseconds >= 0, "an id was made after 1970")
  if let other = parsed(other) {
    check((id < other) == (id.description < other.description), "ids sort as their texts")
  }
}

/// Crockford's digits, of which the first holds three bits only.
private func isID(_ text: [UInt8]) -> Bool {
  let digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8
  return text[0] <= 0x37
    && text.allSatisfy { digits.contains($0) || (0x61...0x7A).contains($0) && digits.contains($0 - 32) }
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  unsafe fuzz(UnsafeRawBufferPointer(start: data, count: count))
  return 0
}

@_cdecl("FuzzPath_main")
public func fuzzMain(_ argc: CInt, _ argv: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  unsafe runFuzzer(argc, argv, fuzzOne)
}
