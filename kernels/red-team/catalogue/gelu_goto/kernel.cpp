#include <cmath>
typedef long i64;
static double
half_of ( double
 x ) { return x*.5
 ; }
extern "C" void
gelu(int part,int parts,const float*in,float*out,i64 count){
i64 low=count*part/parts,high=count*(part+1)/parts;double x;
again:if(low>=high)goto done;
                                            x=in[low];
out[low++]=(float)(half_of(x)*std::erfc(-x*0.70710678118654752440));
if(low>=high)goto done;
x=in[--high];                               goto other;
other:
out[high]=(float)(half_of(x)*std::erfc(-x*0.70710678118654752440));goto again;
done:;}
