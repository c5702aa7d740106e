package io.varve.cli.attach;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.Unpooled;
import io.varve.dataplane.volume.BlockRequest;
import io.varve.dataplane.volume.BlockStatus;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class PendingRequestsTest {
    private final PendingRequests pending = new PendingRequests();

    private Pending sent(long nanos) {
        var added = pending.take();
        added.ask(new BlockRequest() {
            @Override
            protected void completed(BlockStatus status) {}
        });
        pending.add(added);
        pending.sent(added, nanos);
        return added;
    }

    /** As the target says it: a chunk without an end, without data. */
    private @Nullable String heldBack(long cookie, int flags, List<Pending> told) {
        var reader = new ReplyReader(pending, new ReplyReader.Answered() {
            @Override
            public void answered(Pending request, int error) {
                throw new AssertionError("nothing was answered");
            }

            @Override
            public void heldBack(Pending request) {
                told.add(request);
            }
        });
        var notice = Unpooled.buffer()
                .writeInt(0x668e33ef)
                .writeShort(flags)
                .writeShort(0x5601)
                .writeLong(cookie)
                .writeInt(0);
        return reader.read(notice);
    }

    @Test
    void whatIsHeldBackAndWhatCameAfterItIsYoungAgainButNotWhatWasTakenBefore() {
        var taken = sent(1_000);
        var held = sent(2_000);
        var behind = sent(3_000);
        var unsent = pending.take();
        pending.add(unsent);
        List<Pending> told = new ArrayList<>();
        assertThat(heldBack(held.cookie(), 0, told)).isNull();
        assertThat(told).containsExactly(held);
        pending.heldBack(held, 9_000);
        assertThat(taken.sentNanos).isEqualTo(1_000);
        assertThat(held.sentNanos).isEqualTo(9_000);
        assertThat(behind.sentNanos).isEqualTo(9_000);
        assertThat(pending.firstUnsent()).isSameAs(unsent);
        assertThat(pending.oldest()).isSameAs(taken);
    }

    @Test
    void aNoticeOfWhatWasNotAskedOrOutOfShapeIsAViolation() {
        var held = sent(1_000);
        assertThat(heldBack(held.cookie() + 1, 0, new ArrayList<>())).contains("not asked");
        assertThat(heldBack(held.cookie(), 1, new ArrayList<>())).contains("unknown type");
    }
}
