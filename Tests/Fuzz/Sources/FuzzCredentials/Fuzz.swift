// Credentials files: the profile's name, a zero byte, and the file.
//
// Invariants: what is found stands in the text and can stand in a request; a mistake is on a line of the text, in one
// line without a secret; comments and other tools' sections change nothing.

import Driver

@testable import S3

private func fuzz(_ bytes: UnsafeRawBufferPointer) {
  let parts = unsafe bytes.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
  let text = unsafe String(decoding: parts[parts.count - 1], as: UTF8.self)
  let profile = unsafe parts.count > 1 ? String(decoding: parts[0], as: UTF8.self) : "default"
  // The configuration takes no such name.
  guard isOneLine(profile) else { return }
  do throws(CredentialsError) {
    let found = try Credentials.load(text, profile: profile)
    for value in [found.accessKeyID, found.secretAccessKey, found.sessionToken].compactMap(\.self) {
      check(!value.isEmpty && value.utf8.allSatisfy { (0x21...0x7E).contains($0) }, "values are visible ASCII")
      check(contains(text, value), "values stand in the text")
    }
    check(!found.accessKeyID.contains { "/,=".contains($0) }, "the id fits into a scope")
    checkHidden(found)
    check(load("[\(profile)]\n\(found.lines)", profile) == found, "what was found is found again")
    for above in ["# above\n", "; above\r\n", "\n \t\n", "[sso-session x]\nsso_region = y\n", "[other]\nkey = value\n"]
    {
      guard profile != "other", !text.utf8.starts(with: "\u{FEFF}".utf8) else { break }
      check(load(above + text, profile) == found, "what stands above changes nothing")
    }
  } catch {
    check(error.line.map { (1...lineCount(text)).contains($0) } ?? true, "the mistake is on a line of the text")
    check(isOneLine(error.description), "errors are one line")
    for secret in secrets(text, profile) { check(!contains(error.description, secret), "errors repeat no secret") }
    if error.line != nil, !text.utf8.starts(with: "\u{FEFF}".utf8) {
      var moved: CredentialsError?
      do throws(CredentialsError) { _ = try Credentials.load("# above\n" + text, profile: profile) } catch {
        moved = error
      }
      check(moved?.line == error.line.map { $0 + 1 }, "the mistake moves with the text")
    }
  }
}

private func load(_ text: String, _ profile: String) -> Credentials? { try? Credentials.load(text, profile: profile) }

/// The secret half shows nowhere, unless it is part of the public one or of what is always said.
private func checkHidden(_ credentials: Credentials) {
  let shown = "\(credentials) \(String(reflecting: credentials))"
  let secret = credentials.secretAccessKey
  guard secret.contains("/"), !contains(credentials.accessKeyID, secret) else { return }
  check(!contains(shown, secret), "secrets do not show")
}

/// Values that look like secrets and are no part of a name, which errors may repeat: long, with a slash, and without
/// what stands between words and names.
private func secrets(_ text: String, _ profile: String) -> [String] {
  let lines = text.split { $0.isNewline }
  let names = lines.filter { contains(String($0), "[") }.joined(separator: "\n") + "\n" + profile
  return lines.compactMap { line in
    guard let equals = line.firstIndex(of: "=") else { return nil }
    let value = String(line[equals...].dropFirst().trimmed)
    let isWord = value.utf8.allSatisfy { (0x21...0x7E).contains($0) && !"[],".utf8.contains($0) }
    return isWord && value.utf8.count >= 8 && contains(value, "/") && !contains(names, value) ? value : nil
  }
}

private func lineCount(_ text: String) -> Int { 1 + text.count { $0.isNewline } }

private func isOneLine(_ text: String) -> Bool { !text.isEmpty && !text.contains { $0.isNewline } }

private func contains(_ text: String, _ part: String) -> Bool {
  let (text, part) = (Array(text.utf8), Array(part.utf8))
  guard part.count <= text.count else { return false }
  return (0...(text.count - part.count)).contains { text[$0..<($0 + part.count)].elementsEqual(part) }
}

extension Credentials {
  fileprivate var lines: String {
    let token = sessionToken.map { "aws_session_token = \($0)\n" } ?? ""
    return "aws_access_key_id = \(accessKeyID)\naws_secret_access_key = \(secretAccessKey)\n\(token)"
  }
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  unsafe fuzz(UnsafeRawBufferPointer(start: data, count: count))
  return 0
}

@_cdecl("FuzzCredentials_main")
public func fuzzMain(_ argc: CInt, _ argv: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  unsafe runFuzzer(argc, argv, fuzzOne)
}
