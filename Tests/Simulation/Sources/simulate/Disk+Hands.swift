// Somebody who works in the data directory with bare hands: what they do there no call of ours knows of, and it lasts.

import Loop

extension Disk {
  /// Does something to what lies beside the objects' bytes, which `larder verify --repair` has to mend.
  ///
  /// - Parameters:
  ///   - links: of completed downloads.
  ///   - sums: of whole objects.
  func meddle(links: [String], sums: [String]) {
    guard !isDead else { return }
    hands += 1
    switch dice.roll(6) {
    case 0 where !links.isEmpty:
      let path = dice.pick(links)
      Trace.say("\(path) is removed by hand")
      take(path)
    case 1 where !links.isEmpty:
      let path = dice.pick(links)
      Trace.say("another file is put at \(path)")
      take(path)
      foreigners.append(put(path))
    case 2, 3:
      let path = dice.pick([
        "objects/notes\(hands)", "objects/\(String(0xDEAD_0000 + hands, radix: 16))", "downloads/film\(hands).mp4",
        "downloads/users/ann/film\(hands)_720p.mp4", "downloads/users/film\(hands).mp4",
      ])
      Trace.say("a file is put at \(path)")
      guard parent(path) != nil else { return }
      strays.append(put(path))
    case 4:
      let path = "downloads/users/nobody\(hands)"
      guard let (folder, name) = parent(path) else { return }
      Trace.say("a folder is made at \(path)")
      settle(folder, name, make(isFolder: true))
    default:
      guard !sums.isEmpty else { return }
      let path = dice.pick(sums)
      guard let inode = find(path), inode.plate.count == inode.bytes.count, !inode.bytes.isEmpty else { return }
      if dice.roll(2) == 0 { return take(path) }
      Trace.say("\(path) is written to by hand")
      let at = dice.roll(inode.bytes.count)
      inode.bytes[at] ^= 2
      inode.plate[at] ^= 2
    }
  }

  /// Moves the folder of the objects elsewhere, as somebody might who makes room or looks for something.
  func takeAway() {
    guard !isDead, away == nil, let folder = root.names["objects"] else { return }
    Trace.say("objects/ is moved elsewhere")
    hasHarmed = true
    settle(root, "objects", nil)
    away = folder
  }

  /// And back; what stands in its place by then is nobody's.
  func bringBack() {
    guard let folder = away else { return }
    Trace.say("objects/ is moved back")
    away = nil
    settle(root, "objects", folder)
  }

  /// Files that were put where nothing of ours belongs are somewhere still.
  var areStraysKept: Bool { strays.allSatisfy { $0.links > 0 } }

  private func put(_ path: String) -> Inode {
    let inode = make(isFolder: false)
    inode.grow(to: Inode.page)
    (inode.plate, inode.allocated) = (inode.bytes, [true])
    used += inode.room
    if let (folder, name) = parent(path) { settle(folder, name, inode) }
    return inode
  }

  private func take(_ path: String) {
    guard let inode = find(path), let (folder, name) = parent(path) else { return }
    settle(folder, name, nil)
    release(inode)
  }

  /// Changes a name for good.
  private func settle(_ folder: Inode, _ name: String, _ inode: Inode?) {
    folder.set(name, inode)
    folder.plateNames[name] = inode
    folder.pending[name] = nil
  }
}
