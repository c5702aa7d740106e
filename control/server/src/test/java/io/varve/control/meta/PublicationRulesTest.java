package io.varve.control.meta;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.PublishVolumeRequest.State;
import io.varve.api.TruthCode;
import io.varve.api.Volume;
import io.varve.api.VolumeState;
import io.varve.control.meta.MetaCommand.ChangeIsr;
import io.varve.control.meta.MetaCommand.CreateVolume;
import io.varve.control.meta.MetaCommand.DeleteVolume;
import io.varve.control.meta.MetaCommand.Opened;
import io.varve.control.meta.MetaCommand.PublishVolume;
import io.varve.model.EventReason;
import java.util.List;
import org.junit.jupiter.api.Test;

class PublicationRulesTest {
    private final Truths truths = Truths.ofThreeNodes();
    private final Volume volume = truths.createVolume("pvc", "g1", "g2");

    private PublishVolume at(String node, State state) {
        return new PublishVolume(volume.getId(), node, false, state);
    }

    @Test
    void goesToAnotherNodeOnlyWhenTheFirstHasLetGo() {
        truths.must(at("n1", State.PUBLISHED));
        truths.must(at("n1", State.STAGED));
        truths.refuses(at("n2", State.PUBLISHED), TruthCode.TRUTH_REFUSED);
        truths.refuses(at("n2", State.STAGED), TruthCode.TRUTH_REFUSED);
        assertThat(truths.refuses(at("n1", State.NOT_PUBLISHED), TruthCode.TRUTH_REFUSED)
                        .message())
                .contains("node n1 has not said that it let go");
        truths.must(at("n1", State.UNSTAGED));
        truths.refuses(at("n2", State.PUBLISHED), TruthCode.TRUTH_REFUSED);
        truths.must(at("n1", State.NOT_PUBLISHED));
        truths.must(at("n2", State.PUBLISHED));
        assertThat(truths.volume(volume.getId()).getPublication().getNode()).isEqualTo("n2");
    }

    @Test
    void eachStepMayBeRepeated() {
        for (State state :
                new State[] {State.PUBLISHED, State.STAGED, State.UNSTAGED, State.NOT_PUBLISHED, State.UNSTAGED}) {
            truths.must(at("n1", state));
            String before = truths.map.dump();
            truths.must(at("n1", state));
            assertThat(truths.map.dump()).isEqualTo(before);
        }
        // Late words of a node that has it no longer.
        truths.must(at("n2", State.PUBLISHED));
        truths.must(at("n1", State.UNSTAGED));
        truths.must(at("n1", State.NOT_PUBLISHED));
        assertThat(truths.volume(volume.getId()).getPublication().getNode()).isEqualTo("n2");
    }

    @Test
    void refusesWhatIsNotThereAndAnotherKindOfUse() {
        truths.refuses(at("n9", State.PUBLISHED), TruthCode.TRUTH_UNKNOWN);
        truths.refuses(new PublishVolume(99, "n1", false, State.PUBLISHED), TruthCode.TRUTH_UNKNOWN);
        truths.refuses(at("n1", State.STATE_UNSPECIFIED), TruthCode.TRUTH_REFUSED);
        truths.refuses(at("n1", State.STAGED), TruthCode.TRUTH_REFUSED);
        truths.must(at("n1", State.PUBLISHED));
        truths.refuses(new PublishVolume(volume.getId(), "n1", true, State.PUBLISHED), TruthCode.TRUTH_REFUSED);
    }

    private Volume now() {
        return truths.volume(volume.getId());
    }

    @Test
    void everyPublicationAndEveryEndOfOneTakesTheNextEpoch() {
        Volume served = truths.attach(volume, "n1", 1);
        truths.must(at("n1", State.PUBLISHED));
        assertThat(now().getEpoch()).isEqualTo(served.getEpoch() + 1);
        assertThat(now().getPublication().getEpoch()).isEqualTo(now().getEpoch());
        assertThat(now().hasAttachment()).as("it was served to anybody").isFalse();
        assertThat(now().getWantedNode()).as("and is opened anew there").isEqualTo("n1");
        truths.must(at("n1", State.STAGED));
        truths.must(at("n1", State.UNSTAGED));
        assertThat(now().getEpoch()).isEqualTo(now().getPublication().getEpoch());
        truths.attach(now(), "n1", 1);
        truths.must(at("n1", State.NOT_PUBLISHED));
        assertThat(now().getEpoch()).isEqualTo(served.getEpoch() + 3);
        assertThat(now().hasAttachment()).isFalse();
    }

    @Test
    void whoServesAVolumeLearnsItsPublicationWithTheEpoch() {
        truths.must(at("n1", State.PUBLISHED));
        int published = now().getPublication().getEpoch();
        assertThat(truths.attach(volume, "n2", 1).getPublication().getEpoch()).isEqualTo(published);
    }

    @Test
    void aFencedNodeHasNoSayAndWhoServesItNeither() {
        truths.must(at("n1", State.PUBLISHED));
        truths.must(at("n1", State.STAGED));
        Volume served = truths.attach(volume, "n1", 1);
        truths.open(served, 1, "g1", "g2");
        Outcome fenced = truths.apply(at("n1", State.FENCED));
        assertThat(fenced.result().isOk()).isTrue();
        assertThat(fenced.concerned()).contains("n1", "n2");
        assertThat(fenced.events())
                .singleElement()
                .satisfies(event -> assertThat(event.reason()).isEqualTo(EventReason.VOLUME_FENCED));
        assertThat(now().hasPublication()).isFalse();
        assertThat(now().getWantedNode()).isEmpty();
        assertThat(now().getEpoch()).isEqualTo(served.getEpoch() + 1);
        truths.refuses(
                new ChangeIsr(volume.getId(), served.getEpoch(), List.of(Truths.slabIsr(now().getSlabs(0), "g1"))),
                TruthCode.TRUTH_STALE_EPOCH);
        truths.refuses(new Opened(volume.getId(), served.getEpoch(), "nbd://n1:1/pvc"), TruthCode.TRUTH_STALE_EPOCH);
        truths.refuses(at("n1", State.STAGED), TruthCode.TRUTH_REFUSED);
        truths.must(at("n2", State.PUBLISHED));
        // Late words, and the fence repeated.
        String before = truths.map.dump();
        truths.must(at("n1", State.UNSTAGED));
        truths.must(at("n1", State.FENCED));
        assertThat(truths.map.dump()).isEqualTo(before);
        assertThat(now().getPublication().getNode()).isEqualTo("n2");
    }

    @Test
    void aVolumeThatIsStillBeingMadeStaysSo() {
        long made = truths.must(new CreateVolume("new", Truths.GIB, 1, 8 * Truths.GIB, 1, List.of(List.of("g1")), ""))
                .requireVolume()
                .getId();
        truths.must(new PublishVolume(made, "n1", false, State.PUBLISHED));
        assertThat(truths.volume(made).getState()).isEqualTo(VolumeState.VOLUME_CREATING);
    }

    @Test
    void isNotDeletedWhileANodeMayUseIt() {
        truths.must(at("n1", State.PUBLISHED));
        assertThat(truths.refuses(new DeleteVolume(volume.getId()), TruthCode.TRUTH_REFUSED)
                        .message())
                .contains("published to node n1");
        truths.must(at("n1", State.NOT_PUBLISHED));
        truths.must(new DeleteVolume(volume.getId()));
    }
}
