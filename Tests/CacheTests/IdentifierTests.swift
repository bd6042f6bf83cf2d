// The names of things: download ids, users, titles, and the paths made of them.

import Testing

@testable import Cache

@Suite struct DownloadIDTests {
  @Test(arguments: [
    (DownloadID(upper: 0, lower: 0), "00000000000000000000000000"),
    (DownloadID(upper: .max, lower: .max), "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"),
    (DownloadID(upper: 0, lower: 31), "0000000000000000000000000Z"),
    (DownloadID(upper: 0, lower: 32), "00000000000000000000000010"),
    (DownloadID(upper: 1, lower: 0), "0000000000000G000000000000"),
    // The example of github.com/ulid/spec: 1469918176385 ms is 01ARYZ6S41.
    (DownloadID(upper: 1_469_918_176_385 << 16, lower: 0), "01ARYZ6S410000000000000000"),
  ])
  func text(_ id: DownloadID, _ text: String) {
    #expect(id.description == text)
    #expect(DownloadID(text) == id)
    #expect(DownloadID(text.lowercased()) == id)
  }

  @Test func textRoundTripsAndSortsAsTheIdDoes() {
    var random = SplitMix64(seed: 1)
    let ids = (0..<2000).map { _ in DownloadID(upper: random.next(), lower: random.next()) }
    for id in ids { #expect(DownloadID(id.description) == id) }
    #expect(ids.sorted().map(\.description) == ids.map(\.description).sorted())
    #expect(
      ids.sorted().map(Key.download)
        == ids.map(Key.download).sorted { $0.lexicographicallyPrecedes($1) })
  }

  @Test(arguments: [
    "", "0", "0000000000000000000000000", "000000000000000000000000000", "80000000000000000000000000",
    "ZZZZZZZZZZZZZZZZZZZZZZZZZZ", "0000000000000000000000000I", "0000000000000000000000000L",
    "0000000000000000000000000O", "0000000000000000000000000U", "0000000000000000000000000-",
    "0000000000000000000000000 ", "0000000000000000000000000é", "000000000000/0000000000000",
  ])
  func invalidText(_ text: String) { #expect(DownloadID(text) == nil) }

  @Test func aSourceNeverStepsBack() {
    var random = SplitMix64(seed: 2)
    var source = DownloadIDSource(random: SplitMix64(seed: 3))
    var now = Timestamp(milliseconds: 1_700_000_000_000)
    var last = DownloadID(upper: 0, lower: 0)
    for _ in 0..<5000 {
      now.milliseconds += [0, 0, 1, 1000, -1, -100_000].randomElement(using: &random) ?? 0
      let id = source.make(at: now)
      #expect(id > last)
      last = id
    }
  }

  @Test func anIdTellsWhenItWasMade() {
    var source = DownloadIDSource(random: SplitMix64(seed: 4))
    let now = Timestamp(milliseconds: 1_700_000_000_123)
    let first = source.make(at: now)
    #expect(first.created == now)
    #expect(source.make(at: now).created == now)
    // The clock stands an hour back: order is kept, at the price of the moment.
    let back = source.make(at: now.adding(milliseconds: -3_600_000))
    #expect(back > first && back.created == now)
  }

  @Test func aSourceGoesOnBehindWhatIsThere() {
    let newest = DownloadID(upper: 1_800_000_000_000 << 16, lower: .max)
    var source = DownloadIDSource(after: newest, random: SplitMix64(seed: 5))
    let id = source.make(at: Timestamp(milliseconds: 1_700_000_000_000))
    #expect(id == DownloadID(upper: newest.upper + 1, lower: 0))
  }

  @Test func aMomentBeforeTheEpochIsTheEpoch() {
    var source = DownloadIDSource(random: SplitMix64(seed: 6))
    #expect(source.make(at: Timestamp(milliseconds: -5)).created == Timestamp(milliseconds: 0))
  }
}

@Suite struct UserAndTitleTests {
  @Test(arguments: [("", false), ("u", true), (String(repeating: "u", count: 128), true)])
  func users(_ text: String, _ isValid: Bool) { #expect((UserID(text) != nil) == isValid) }

  @Test(arguments: [
    (String(repeating: "u", count: 129), false), (String(repeating: "é", count: 64), true),
    (String(repeating: "é", count: 65), false), ("../etc/passwd", true), ("..", true), ("\u{0}", true),
  ])
  func usersByBytes(_ text: String, _ isValid: Bool) {
    #expect((UserID(text) != nil) == isValid)
    #expect(UserID(text).map(\.text) ?? text == text)
  }

  /// Texts that Unicode holds to be the same are different bytes, and bytes are what the ledger knows.
  @Test func whoOnlyLooksAlikeIsSomebodyElse() throws {
    let (composed, decomposed): (UserID, UserID) = ("\u{E9}", "e\u{301}")
    #expect(composed != decomposed && Set([composed, decomposed]).count == 2)
    let titles: [Title] = ["\u{E9}", "e\u{301}"]
    #expect(titles[0] != titles[1] && Set(titles).count == 2)
    let versions = [("K", "a"), ("\u{212A}", "a"), ("K", "\u{E9}"), ("K", "e\u{301}")].map { etag, key in
      ObjectVersion(bucket: "b", key: key, etag: etag, size: 1)
    }
    #expect(Set(versions).count == 4)
    let box = try Box()
    try box.start(composed, "a", size: 1)
    #expect(try box.usage(composed).total == 1 && box.usage(decomposed).total == 0)
    guard case .created = try box.start(decomposed, "a", size: 1) else { throw NotAdmitted() }
    guard case .created = try box.start("u", "\u{E9}", size: 1) else { throw NotAdmitted() }
    guard case .created = try box.start("u", "e\u{301}", size: 1) else { throw NotAdmitted() }
    #expect(try box.findings() == [])
  }

  @Test(arguments: [
    "a", "..a", "...", "a/b", "/", "a b", "content_abc", "été", "片", "%2e%2e", String(repeating: "c", count: 128),
    String(repeating: "é", count: 64), "\u{A0}",
  ])
  func contentIDs(_ id: String) throws {
    #expect(try Title(contentID: id, quality: "720p").contentID == id)
  }

  @Test(arguments: [
    "", ".", "..", "a\u{0}", "\n", "a\u{1F}b", "\u{7F}", "\u{80}", "\u{9F}", "é\u{85}",
    String(repeating: "c", count: 129), String(repeating: "é", count: 65),
  ])
  func invalidContentIDs(_ id: String) {
    #expect(throws: Title.Fault.contentID) { try Title(contentID: id, quality: "720p") }
  }

  @Test(arguments: ["720p", "4K", "1", ".", "..", "a-b.c", "ABCDEFGHIJKLMNOP"])
  func qualities(_ quality: String) throws {
    #expect(try Title(contentID: "a", quality: quality).quality == quality)
  }

  @Test(arguments: ["", "ABCDEFGHIJKLMNOPQ", "a_b", "a/b", "a b", "é", "a\u{0}", "720p\n", "%"])
  func invalidQualities(_ quality: String) {
    #expect(throws: Title.Fault.quality) { try Title(contentID: "a", quality: quality) }
  }

  @Test func statusWordsAreTheContracts() {
    let words = ["pending", "downloading", "paused", "completed", "failed", "cancelled"]
    #expect(Download.Status.allCases.map(\.word) == words)
    for status in Download.Status.allCases { #expect(Download.Status(word: status.word) == status) }
    for word in ["", "Pending", "done", "completed "] { #expect(Download.Status(word: word) == nil) }
  }

  @Test func reasonsAreTheContracts() {
    let words = Trouble.Code.allCases.map(\.word)
    let stable = [
      "origin_unreachable", "origin_error", "content_not_found", "access_denied", "integrity_mismatch",
      "quota_exceeded", "storage_full", "evicted", "storage_error",
    ]
    #expect(words == stable)
  }
}

@Suite struct StoredPathTests {
  private func component(_ identifier: String) -> String {
    StoredPath.component(identifier) { "<sha256 of \($0.utf8.count) bytes, cut to thirty-two digits>" }
  }

  @Test(arguments: [
    ("abc", "abc"), ("A-Z_a.z0", "A-Z_a.z0"), (".", "%2E"), ("..", "%2E."), (".hidden", "%2Ehidden"),
    ("a.b.", "a.b."), ("a/b", "a%2Fb"), ("/", "%2F"), ("../../etc", "%2E.%2F..%2Fetc"), ("%", "%25"),
    ("%2F", "%252F"), ("a b", "a%20b"), ("~", "%7E"), ("é", "%C3%A9"), ("片", "%E7%89%87"), ("\u{0}", "%00"),
    ("\\", "%5C"), ("a:b", "a%3Ab"), ("\u{7F}", "%7F"), ("user@example.com", "user%40example.com"),
  ])
  func encoding(_ identifier: String, _ path: String) { #expect(component(identifier) == path) }

  /// 200 bytes after encoding stay; 201 are cut at 160, before a `%XX` that the cut would split.
  @Test func cutting() {
    let tail = "~<sha256 of N bytes, cut to thirty"
    func cut(_ kept: String, _ raw: String) -> String {
      kept + String(tail.replacing("N", with: "\(raw.utf8.count)").prefix(33))
    }
    let a = { String(repeating: "a", count: $0) }
    #expect(component(a(200)) == a(200))
    #expect(component(a(201)) == cut(a(160), a(201)))
    // 66 · 3 + 2 = 200 bytes, and one more.
    let slashes = { String(repeating: "/", count: $0) }
    let encoded = { String(repeating: "%2F", count: $0) }
    #expect(component(slashes(66) + "aa") == encoded(66) + "aa")
    #expect(component(slashes(66) + "aaa") == cut(encoded(53), slashes(66) + "aaa"))  // 159: the 160th is a %
    #expect(component("a" + slashes(67)) == cut("a" + encoded(53), "a" + slashes(67)))  // 160 exactly
    #expect(component("aa" + slashes(67)) == cut("aa" + encoded(52), "aa" + slashes(67)))  // 158: two of three fit
    for length in 190...420 {
      let path = component(String(repeating: "é", count: length / 2) + a(length % 2))
      #expect(path.utf8.count <= 200)
    }
  }

  @Test func differentIdentifiersNeverShareAPath() {
    var random = SplitMix64(seed: 7)
    let alphabet = Array("a./%~2F_é")
    var seen: [String: String] = [:]
    for _ in 0..<20_000 {
      let text = String(
        (0..<Int.random(in: 1...6, using: &random)).map { _ in alphabet.randomElement(using: &random)! })
      let path = component(text)
      #expect(seen[path] == nil || seen[path]!.utf8.elementsEqual(text.utf8), "\(text) and \(seen[path]!)")
      #expect(!path.contains("/") && !path.hasPrefix("."))
      seen[path] = text
    }
  }

  @Test(arguments: [
    ("a.mp4", "mp4"), ("a/b.mkv", "mkv"), ("a.b.WebM", "WebM"), ("a", "mp4"), ("a.b/c", "mp4"), ("a/.mkv", "mp4"),
    (".mkv", "mp4"), ("a.", "mp4"), ("", "mp4"), ("a/", "mp4"), ("a.m p", "mp4"), ("a.é", "mp4"),
    ("a.abcdefghijklmnop", "abcdefghijklmnop"), ("a.abcdefghijklmnopq", "mp4"), ("a..ts", "ts"), ("..ts", "ts"),
    ("a.mp4%00", "mp4"), ("a.b-c", "mp4"),
  ])
  func extensions(_ key: String, _ name: String) { #expect(StoredPath.fileExtension(ofKey: key) == name) }

  @Test func paths() throws {
    let digest: (String) -> String = { _ in String(repeating: "0", count: 64) }
    #expect(StoredPath.object(ObjectID(255)) == "objects/00000000000000ff")
    #expect(StoredPath.object(ObjectID(.max)) == "objects/ffffffffffffffff")
    #expect(StoredPath.folder(of: "a/b", digest: digest) == "downloads/users/a%2Fb")
    let title = try Title(contentID: "series/1", quality: "720p")
    #expect(
      StoredPath.link(user: "u", title: title, fileExtension: "mkv", digest: digest)
        == "downloads/users/u/series%2F1_720p.mkv")
    // The longest names fit a file system's 255 bytes and LMDB's keys.
    let longest = StoredPath.link(
      user: UserID(String(repeating: "u", count: 128))!,
      title: try Title(contentID: String(repeating: "/", count: 66), quality: "ABCDEFGHIJKLMNOP"),
      fileExtension: "abcdefghijklmnop", digest: digest)
    #expect(longest.utf8.count <= 511)
    #expect(longest.split(separator: "/").allSatisfy { $0.utf8.count <= 255 })
  }
}

/// The way back from names on the disk.
@Suite struct LinkNameTests {
  @Test func whatWasMadeIsReadBack() throws {
    var random = SplitMix64(seed: 8)
    let alphabet = Array("ab_.-%/ ~é\u{1F600}Z9")
    func text(_ count: Int) -> String { String((0..<count).map { _ in alphabet.randomElement(using: &random)! }) }
    var read = 0
    for _ in 0..<2000 {
      guard let user = UserID(text(Int.random(in: 1...12, using: &random))),
        let title = try? Title(
          contentID: text(Int.random(in: 1...20, using: &random)),
          quality: String(
            (0..<Int.random(in: 1...16, using: &random)).map { _ in "aZ0.-".randomElement(using: &random)! }))
      else { continue }
      let path = StoredPath.link(user: user, title: title, fileExtension: "mp4", digest: { _ in "" })
      let parts = path.split(separator: "/").map(String.init)
      try #require(parts.count == 4, "\(path)")
      let name = try LinkName(folder: parts[2], file: parts[3])
      #expect(name.user == user && name.title == title && name.fileExtension == "mp4", "\(path)")
      read += 1
    }
    #expect(read > 1000)
  }

  @Test(arguments: [
    ("ann", "a_720p"), ("ann", "a.mp4"), ("ann", "_720p.mp4"), ("ann", "a_.mp4"), ("", "a_720p.mp4"),
    ("ann", "a_720p."), ("ann", "a_720p.m p"), ("%4", "a_720p.mp4"), ("%zz", "a_720p.mp4"), ("%61", "a_720p.mp4"),
    ("ann", "%FF_720p.mp4"), ("a b", "a_720p.mp4"), ("ann", "%c3%a9_720p.mp4"), (".ann", "a_720p.mp4"),
  ])
  func whatLarderDoesNotMakeIsForeign(_ folder: String, _ file: String) {
    #expect(throws: LinkName.Fault.foreign) { try LinkName(folder: folder, file: file) }
  }

  @Test func whatWasCutIsCut() throws {
    let title = try Title(contentID: String(repeating: "é", count: 60), quality: "720p")
    let path = StoredPath.link(user: "ann", title: title, fileExtension: "mp4") { _ in String(repeating: "0", count: 64)
    }
    let parts = path.split(separator: "/").map(String.init)
    #expect(throws: LinkName.Fault.cut) { try LinkName(folder: parts[2], file: parts[3]) }
  }

  @Test func filesOfObjects() {
    #expect(StoredPath.objectID(ofFile: "00000000000000a7") == ObjectID(0xA7))
    #expect(StoredPath.objectID(ofFile: "00000000000000a7.sums") == ObjectID(0xA7))
    #expect(StoredPath.objectID(ofFile: "00000000000000a7.sums.new") == ObjectID(0xA7))
    for name in [
      "", "a7", "00000000000000A7", "0000000000000000", "00000000000000a7.sum", "00000000000000a7.new",
      "00000000000000a7.sums.sums.new",
      "+0000000000000a7",
    ] {
      #expect(StoredPath.objectID(ofFile: name) == nil, "\(name)")
    }
  }
}
