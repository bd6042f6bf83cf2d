// Hosts with their ports, against the grammar of RFC 3986.

import Testing

@testable import HTTP

@Suite struct AuthorityTests {
  private func isValid(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    return unsafe bytes.withUnsafeBytes { buffer in Authority.isValid(unsafe ByteView(buffer)) }
  }

  @Test(arguments: [
    "a", "example.com", "EXAMPLE.com:80", "a:", "a:0", "a:65535", "1.2.3.4:5", "999.1.1.1", "a_b~c!d$e&f'(g)*+,;=h",
    "a%20b", "%41", "xn--bcher-kva.example", "[::]", "[::1]", "[1::]", "[1:2:3:4:5:6:7:8]", "[1:2:3:4:5:6:7::]",
    "[::2:3:4:5:6:7:8]", "[1::3:4:5:6:7:8]", "[ABCD:ef01::0]:443", "[::ffff:1.2.3.4]", "[1:2:3:4:5:6:1.2.3.4]",
    "[::1.2.3.4]", "[1:2:3:4:5::1.2.3.4]", "[v1.a:b]", "[vF0.x]:1", "box.local:4000",
  ])
  func valid(text: String) {
    #expect(isValid(text))
  }

  @Test(arguments: [
    "", ":80", ":", "a:b", "a:-1", "a:65536", "a:999999999999999999999", "a:1:2", "a b", "a/b", "a?b", "a#b", "u@a",
    "ä", "a%", "a%2", "a%zz", "a\"", "a<", "a\\", "[", "[]", "[::1", "::1", "[::1]x", "[::1]:x", "[::1]80", "[:]",
    "[:::]",
    "[1]", "[1:2:3:4:5:6:7]", "[1:2:3:4:5:6:7:8:9]", "[1:2:3:4:5:6:7:8::]", "[1::2::3]", "[12345::]", "[g::]", "[1:]",
    "[1:2:3:4:5:6:7:]", "[:1:2:3:4:5:6:7]", "[::1.2.3]", "[::1.2.3.256]", "[::1.2.3.04]", "[::1.2.3.4.5]",
    "[1:2:3:4:5:6:7:1.2.3.4]", "[1.2.3.4]", "[::1.2.3.4:5]", "[fe80::1%25eth0]", "[v.a]", "[v1.]", "[v1]", "[vg.a]",
    "a]",
  ])
  func invalid(text: String) {
    #expect(!isValid(text))
  }
}
