// What the box holds whole already: a start of it needs a link, and no errand.

import Cache
import Loop

extension Fills {
  /// What is whole needs only its link, no turn and no errand: the link is made and durable, then it is completed. What
  /// cannot be linked is left to an errand, which looks why.
  func link(_ download: Download) {
    guard !isStopped, linking[download.id] == nil else { return }
    linking[download.id] = []
    let id = download.id
    volume.links.make([download]) { [writer] made in
      if let fault = made.fault {
        EventLoop.submit { self.linked(download, fault) }
        return
      }
      writer.submit { ledger, tx, change in
        try ledger.complete([id], in: tx, &change)
      } done: { completed in
        EventLoop.submit { self.linked(download, completed.fault) }
      }
    }
  }

  private func linked(_ download: Download, _ fault: (any Error)?) {
    let onlookers = linking.removeValue(forKey: download.id) ?? []
    let subject = Errand.Subject.object(download.object)
    if fault != nil, errands[subject] == nil, !isStopped { start(subject) }
    for onlooker in onlookers { onlooker.resume() }
  }

  /// Waits until a download whose object the box holds whole has its link, or cannot have it. The errand that looks why is
  /// not waited for: it may find that the disk has lost the object, and fetch it from an origin that is away.
  func settle(_ download: Download) async {
    link(download)
    guard linking[download.id] != nil else { return }
    await withCheckedContinuation { linking[download.id]?.append($0) }
  }
}

extension Result {
  fileprivate var fault: Failure? {
    if case .failure(let fault) = self { fault } else { nil }
  }
}
