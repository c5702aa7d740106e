package io.varve.control.meta;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.PublishVolumeRequest.State;
import io.varve.api.TruthCode;
import io.varve.api.Volume;
import io.varve.control.meta.MetaCommand.DeleteVolume;
import io.varve.control.meta.MetaCommand.PublishVolume;
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
